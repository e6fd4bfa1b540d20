//! Sealing the values of secrets: the API seals, the scheduler opens. XChaCha20-Poly1305; place and version are bound
//! to the ciphertext, so that it opens nowhere else.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use emboflow_model::secret::Sealed;
use emboflow_model::{ProjectName, SecretName};
use sha2::{Digest, Sha256};

use crate::secret_value::SecretValue;

const KEY_MIN_BYTES: usize = 32;
/// Bytes of the number that is used once.
pub const NONCE_BYTES: usize = 24;

/// Where a value belongs: it opens nowhere else.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The project.
    pub project: &'a ProjectName,
    /// The secret.
    pub secret: &'a SecretName,
    /// Its version.
    pub version: u64,
}

impl Place<'_> {
    /// Names have no zero byte, so that no two places give the same bytes.
    fn bytes(&self) -> Vec<u8> {
        format!("emboflow secret\0{}\0{}\0{}", self.project, self.secret, self.version).into_bytes()
    }
}

/// The keys of an installation: one that seals, and older ones that only open.
#[derive(Clone)]
pub struct KeyRing {
    sealing: Key,
    older: Vec<Key>,
}

#[derive(Clone)]
struct Key {
    id: String,
    cipher: XChaCha20Poly1305,
}

impl Key {
    fn new(text: &str) -> Result<Self, KeyError> {
        if text.len() < KEY_MIN_BYTES {
            return Err(KeyError { bytes: text.len() });
        }
        // The text has the strength of a key already; the hash gives it the length of one, and a name of its own.
        let derived = |purpose: &str| Sha256::digest([purpose.as_bytes(), b"\0", text.as_bytes()].concat());
        let id = hex::encode(&derived("emboflow secrets: id of the key")[..4]);
        let cipher = XChaCha20Poly1305::new_from_slice(&derived("emboflow secrets: key"))
            .expect("SHA-256 gives as many bytes as the cipher takes");
        Ok(Self { id, cipher })
    }
}

impl KeyRing {
    /// Takes the key that seals, and those that were used before.
    ///
    /// # Errors
    /// One of them has fewer than 32 bytes.
    pub fn new<'k>(sealing: &str, older: impl IntoIterator<Item = &'k str>) -> Result<Self, KeyError> {
        let older = older.into_iter().map(Key::new).collect::<Result<_, _>>()?;
        Ok(Self { sealing: Key::new(sealing)?, older })
    }

    /// Seals a value. `nonce` is drawn by chance for each call.
    ///
    /// # Errors
    /// The cipher refuses the value: it is larger than any secret may be.
    pub fn seal(
        &self,
        place: Place<'_>,
        value: &SecretValue,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<Sealed, OpenError> {
        let payload = Payload { msg: value.reveal().as_bytes(), aad: &place.bytes() };
        let sealed = self.sealing.cipher.encrypt(XNonce::from_slice(&nonce), payload);
        let ciphertext = sealed.map_err(|_| OpenError::Changed)?;
        let key = self.sealing.id.clone();
        Ok(Sealed { key, nonce: STANDARD.encode(nonce), ciphertext: STANDARD.encode(ciphertext) })
    }

    /// Opens a value.
    ///
    /// # Errors
    /// Its key is not on the ring, or it is not the one that was sealed in this place.
    pub fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<SecretValue, OpenError> {
        let mut keys = std::iter::once(&self.sealing).chain(&self.older);
        let key = keys
            .find(|key| key.id == sealed.key)
            .ok_or_else(|| OpenError::NoKey { key: sealed.key.clone() })?;
        let bytes = |text: &str| STANDARD.decode(text).map_err(|_| OpenError::Changed);
        let (nonce, ciphertext) = (bytes(&sealed.nonce)?, bytes(&sealed.ciphertext)?);
        if nonce.len() != NONCE_BYTES {
            return Err(OpenError::Changed);
        }
        let payload = Payload { msg: &ciphertext, aad: &place.bytes() };
        let opened =
            key.cipher.decrypt(XNonce::from_slice(&nonce), payload).map_err(|_| OpenError::Changed)?;
        String::from_utf8(opened).map(SecretValue::new).map_err(|_| OpenError::Changed)
    }

    /// Whether the value is sealed by the key that seals now.
    pub fn is_current(&self, sealed: &Sealed) -> bool {
        sealed.key == self.sealing.id
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRing([{} and {} older])", self.sealing.id, self.older.len())
    }
}

/// A key that is too easy to guess.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a key for secrets has {bytes} bytes; at least {KEY_MIN_BYTES} are needed (`openssl rand -base64 32` makes one)"
)]
pub struct KeyError {
    /// Its length.
    pub bytes: usize,
}

/// Why a value does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It was sealed with a key that is not here.
    #[error("it is sealed with the key {key}, which is neither `secrets.key` nor one of `secrets.old_keys`")]
    NoKey {
        /// Which key.
        key: String,
    },
    /// It was changed, or moved here from another place.
    #[error("its value in the records was changed, or belongs to another secret: give it a new value")]
    Changed,
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "an-old-key-of-at-least-thirty-two-bytes";
    const NEW: &str = "a-newer-key-of-at-least-thirty-two-bytes";

    fn names(project: &str, secret: &str) -> (ProjectName, SecretName) {
        (project.parse().unwrap(), secret.parse().unwrap())
    }

    fn sealed_with(key: &str) -> Sealed {
        let (project, secret) = names("lab", "token");
        let place = Place { project: &project, secret: &secret, version: 3 };
        KeyRing::new(key, []).unwrap().seal(place, &SecretValue::new("the value"), [7; NONCE_BYTES]).unwrap()
    }

    fn open(ring: &KeyRing, place: (&str, &str, u64), sealed: &Sealed) -> Result<String, OpenError> {
        let (project, secret) = names(place.0, place.1);
        let place = Place { project: &project, secret: &secret, version: place.2 };
        ring.open(place, sealed).map(|value| value.reveal().to_owned())
    }

    #[test]
    fn a_value_opens_only_in_its_own_place_and_version() {
        let (ring, sealed) = (KeyRing::new(OLD, []).unwrap(), sealed_with(OLD));
        assert_eq!(open(&ring, ("lab", "token", 3), &sealed).unwrap(), "the value");
        for moved in [("bal", "token", 3), ("lab", "other", 3), ("lab", "token", 2)] {
            assert_eq!(open(&ring, moved, &sealed), Err(OpenError::Changed), "{moved:?}");
        }
    }

    #[test]
    fn an_older_key_opens_and_the_new_one_seals() {
        let ring = KeyRing::new(NEW, [OLD]).unwrap();
        let (old, new) = (sealed_with(OLD), sealed_with(NEW));
        assert!(!ring.is_current(&old) && ring.is_current(&new));
        for sealed in [old.clone(), new] {
            assert_eq!(open(&ring, ("lab", "token", 3), &sealed).unwrap(), "the value");
        }
        let without = KeyRing::new(NEW, []).unwrap();
        assert_eq!(open(&without, ("lab", "token", 3), &old), Err(OpenError::NoKey { key: old.key }));
    }

    #[test]
    fn a_changed_byte_anywhere_is_seen_and_nothing_panics() {
        let (ring, sealed) = (KeyRing::new(OLD, []).unwrap(), sealed_with(OLD));
        let is_refused = |sealed: Sealed| {
            assert_eq!(open(&ring, ("lab", "token", 3), &sealed), Err(OpenError::Changed), "{sealed:?}");
        };
        let bytes = STANDARD.decode(&sealed.ciphertext).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            is_refused(Sealed { ciphertext: STANDARD.encode(changed), ..sealed.clone() });
        }
        for odd in ["", "!", "AAAA", &STANDARD.encode([0; 25])] {
            is_refused(Sealed { nonce: odd.to_owned(), ..sealed.clone() });
            is_refused(Sealed { ciphertext: odd.to_owned(), ..sealed.clone() });
        }
    }

    #[test]
    fn a_key_that_can_be_guessed_is_refused_and_no_key_is_shown() {
        assert_eq!(KeyRing::new("short", []).unwrap_err(), KeyError { bytes: 5 });
        assert!(KeyRing::new(NEW, ["short"]).is_err());
        assert!(!format!("{:?}", KeyRing::new(NEW, [OLD]).unwrap()).contains("key-of"));
    }
}
