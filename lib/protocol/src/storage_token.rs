//! Tokens for the storage gateway: who may read, write or delete which objects, until when.
//! Minted by the scheduler (for attempts) and the API (for people), verified by the gateway without a database.

use emboflow_model::ProjectName;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;

const AUDIENCE: &str = "emboflow-storage";
const KEY_MIN_BYTES: usize = 32;
// Bounds the work that a stranger can cause with one header.
const TOKEN_MAX_BYTES: usize = 8 * 1024;

/// What a token allows. Prefixes end on the border of a path segment: `a/b` covers `a/b` and `a/b/c`, not
/// `a/bc`; the empty prefix covers everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageClaims {
    /// Who it was made for, such as an attempt id or `api`; appears in logs.
    pub sub: String,
    /// When it ends, in Unix seconds.
    pub exp: u64,
    /// Prefixes that may be read and listed.
    #[serde(default)]
    pub read: Vec<String>,
    /// Prefixes that may be written.
    #[serde(default)]
    pub write: Vec<String>,
    /// Whether objects under the `write` prefixes may be deleted too.
    #[serde(default)]
    pub delete: bool,
    /// What is written counts against this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<StoredQuota>,
}

/// How much a project may store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredQuota {
    /// The project: everything below its name counts.
    pub project: ProjectName,
    /// Bytes at most.
    pub bytes: u64,
}

impl StorageClaims {
    /// The place where a probe of the back end puts its objects.
    pub const PROBE_PREFIX: &str = ".emboflow/probe";

    /// Claims that allow the probe and nothing else.
    pub fn for_probe(sub: impl Into<String>, exp: u64) -> Self {
        let prefix = vec![Self::PROBE_PREFIX.to_owned()];
        Self { sub: sub.into(), exp, read: prefix.clone(), write: prefix, delete: true, quota: None }
    }

    /// Whether the object may be read.
    pub fn may_read(&self, key: &str) -> bool {
        covered(&self.read, key)
    }

    /// Whether every object whose key starts with `prefix` may be listed. Where a token reads `a/b`, that is so
    /// for `a/b/` but not for `a/b`, under which `a/bc` would be listed too.
    pub fn may_list(&self, prefix: &str) -> bool {
        self.read.iter().map(|allowed| allowed.trim_end_matches('/')).any(|allowed| {
            allowed.is_empty() || prefix.strip_prefix(allowed).is_some_and(|rest| rest.starts_with('/'))
        })
    }

    /// Whether the object may be put.
    pub fn may_write(&self, key: &str) -> bool {
        covered(&self.write, key)
    }

    /// Whether the object may be deleted.
    pub fn may_delete(&self, key: &str) -> bool {
        self.delete && self.may_write(key)
    }
}

fn covered(prefixes: &[String], key: &str) -> bool {
    prefixes.iter().map(|prefix| prefix.trim_end_matches('/')).any(|prefix| {
        prefix.is_empty()
            || key.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// The key that signs and verifies tokens; shared by scheduler, API and gateway.
#[derive(Clone)]
pub struct TokenKey {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl TokenKey {
    /// Takes secret bytes.
    ///
    /// # Errors
    /// Fewer than 32 bytes.
    pub fn new(secret: &[u8]) -> Result<Self, TokenError> {
        if secret.len() < KEY_MIN_BYTES {
            return Err(TokenError::KeyTooShort { bytes: secret.len() });
        }
        Ok(Self { encoding: EncodingKey::from_secret(secret), decoding: DecodingKey::from_secret(secret) })
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey([secret])")
    }
}

/// Why a key or a token cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The signing key is too easy to guess.
    #[error("the signing key has {bytes} bytes; at least {KEY_MIN_BYTES} are needed")]
    KeyTooShort {
        /// Its length.
        bytes: usize,
    },
    /// Not a token of this installation.
    #[error("the token was not made by this installation, or was changed")]
    Forged,
    /// Its time is over.
    #[error("the token for {sub} expired at Unix second {exp}")]
    Expired {
        /// Who it was made for.
        sub: String,
        /// When it ended, in Unix seconds.
        exp: u64,
    },
    /// The claims could not be signed.
    #[error("cannot sign the token: {reason}")]
    Unsigned {
        /// What the signer said.
        reason: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Signed<C> {
    aud: String,
    #[serde(flatten)]
    claims: C,
}

/// Signs claims as a JWT (HS256).
///
/// # Errors
/// The claims do not fit into a token (too many prefixes).
pub fn mint(key: &TokenKey, claims: &StorageClaims) -> Result<String, TokenError> {
    sign(key, AUDIENCE, claims)
}

/// Signs claims for an audience. Errors: the token would be too long.
pub(crate) fn sign<C: Serialize>(key: &TokenKey, audience: &str, claims: &C) -> Result<String, TokenError> {
    let signed = Signed { aud: audience.to_owned(), claims };
    let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &signed, &key.encoding)
        .map_err(|error| TokenError::Unsigned { reason: error.to_string() })?;
    if token.len() > TOKEN_MAX_BYTES {
        let reason = format!("it would have {} bytes; at most {TOKEN_MAX_BYTES} are accepted", token.len());
        return Err(TokenError::Unsigned { reason });
    }
    Ok(token)
}

/// Checks a token's signature, audience and end; `now` is in Unix seconds.
///
/// # Errors
/// [`TokenError::Forged`] for anything this key did not sign, [`TokenError::Expired`] after the end.
pub fn verify(key: &TokenKey, token: &str, now: u64) -> Result<StorageClaims, TokenError> {
    let claims: StorageClaims = open(key, AUDIENCE, token)?;
    if claims.exp <= now {
        return Err(TokenError::Expired { sub: claims.sub, exp: claims.exp });
    }
    Ok(claims)
}

/// The claims of a token that was signed for the audience; their end is for the caller to look at. Errors:
/// [`TokenError::Forged`].
pub(crate) fn open<C: DeserializeOwned>(
    key: &TokenKey,
    audience: &str,
    token: &str,
) -> Result<C, TokenError> {
    if token.len() > TOKEN_MAX_BYTES {
        return Err(TokenError::Forged);
    }
    let mut rules = Validation::new(Algorithm::HS256);
    rules.set_audience(&[audience]);
    rules.set_required_spec_claims(&["exp", "aud"]);
    // The end is compared with the caller's clock, without leeway.
    rules.validate_exp = false;
    let data =
        jsonwebtoken::decode::<Signed<C>>(token, &key.decoding, &rules).map_err(|_| TokenError::Forged)?;
    Ok(data.claims.claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> TokenKey {
        TokenKey::new(&[byte; 32]).unwrap()
    }

    fn claims() -> StorageClaims {
        StorageClaims {
            sub: "run-1.train.1".into(),
            exp: 1_000,
            read: vec!["p/runs/r1".into()],
            write: vec!["p/runs/r1/attempts/train/1/".into()],
            delete: false,
            quota: None,
        }
    }

    #[test]
    fn a_minted_token_verifies_until_its_end() {
        let token = mint(&key(1), &claims()).unwrap();
        assert_eq!(verify(&key(1), &token, 999).unwrap(), claims());
        let expired = TokenError::Expired { sub: "run-1.train.1".into(), exp: 1_000 };
        assert_eq!(verify(&key(1), &token, 1_000), Err(expired));
    }

    #[test]
    fn a_token_of_another_key_audience_or_algorithm_is_forged() {
        let token = mint(&key(1), &claims()).unwrap();
        assert_eq!(verify(&key(2), &token, 1), Err(TokenError::Forged));
        let mut changed = token.clone().into_bytes();
        let middle = token.len() / 2;
        changed[middle] = if changed[middle] == b'A' { b'B' } else { b'A' };
        assert_eq!(verify(&key(1), &String::from_utf8(changed).unwrap(), 1), Err(TokenError::Forged));
        for hostile in ["", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", &"x".repeat(100_000)] {
            assert_eq!(verify(&key(1), hostile, 1), Err(TokenError::Forged));
        }
        let elsewhere = Signed { aud: "emboflow-api".into(), claims: claims() };
        let elsewhere =
            jsonwebtoken::encode(&Header::new(Algorithm::HS256), &elsewhere, &key(1).encoding).unwrap();
        assert_eq!(verify(&key(1), &elsewhere, 1), Err(TokenError::Forged));
        let stronger =
            jsonwebtoken::encode(&Header::new(Algorithm::HS512), &claims(), &key(1).encoding).unwrap();
        assert_eq!(verify(&key(1), &stronger, 1), Err(TokenError::Forged));
    }

    #[test]
    fn a_prefix_ends_on_the_border_of_a_segment() {
        let claims = claims();
        assert!(claims.may_read("p/runs/r1") && claims.may_read("p/runs/r1/x"));
        assert!(!claims.may_read("p/runs/r10/x") && !claims.may_read("p/runs"));
        assert!(claims.may_list("p/runs/r1/") && !claims.may_list("p/runs/r1") && !claims.may_list(""));
        assert!(claims.may_write("p/runs/r1/attempts/train/1/a"));
        assert!(!claims.may_write("p/runs/r1/attempts/train/10/a") && !claims.may_write("p/runs/r1/x"));
        assert!(!claims.may_delete("p/runs/r1/attempts/train/1/a"));
        assert!(StorageClaims { read: vec![String::new()], ..claims }.may_read("anything"));
    }

    #[test]
    fn a_short_key_and_an_endless_list_of_prefixes_are_refused() {
        assert_eq!(TokenKey::new(b"short").unwrap_err(), TokenError::KeyTooShort { bytes: 5 });
        let many = StorageClaims { read: vec!["x".repeat(100); 1_000], ..claims() };
        assert!(matches!(mint(&key(1), &many), Err(TokenError::Unsigned { .. })));
        assert_eq!(format!("{:?}", key(1)), "TokenKey([secret])");
    }
}
