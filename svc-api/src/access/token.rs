//! Random tokens, and what is kept of them.

use rand::distr::{Alphanumeric, SampleString};
use sha2::{Digest, Sha256};

/// Letters and digits with more than 256 random bits.
const LENGTH: usize = 44;

/// A new token.
pub(crate) fn random() -> String {
    Alphanumeric.sample_string(&mut rand::rng(), LENGTH)
}

/// What is kept of a token: its SHA-256 in hex. It needs no salt, since nobody can guess the token.
pub(crate) fn fingerprint(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// The part of a fingerprint that is shown, and that names the thing to people.
pub(crate) fn public_id(fingerprint: &str) -> String {
    fingerprint.chars().take(16).collect()
}
