//! Tokens for uploads of people: one file of an announced size may be put under one key, once, until an end. Minted by the
//! API, verified by the gateway without a database. They are no storage tokens: neither is taken in place of the other.

use serde::{Deserialize, Serialize};

use crate::storage_token::{StoredQuota, TokenError, TokenKey, open, sign};

const AUDIENCE: &str = "emboflow-upload";

/// Where the bytes are put, relative to the address of the page.
pub const UPLOAD_PATH: &str = "upload";

/// The one thing that a token allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadClaims {
    /// Who asked; appears in logs.
    pub sub: String,
    /// When the upload must have begun, in Unix seconds.
    pub exp: u64,
    /// The object's key.
    pub key: String,
    /// Exactly so many bytes.
    pub size_bytes: u64,
    /// With this SHA-256, in hex, if the caller knew it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// What is put counts against this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<StoredQuota>,
}

/// Signs claims as a JWT (HS256).
///
/// # Errors
/// The claims do not fit into a token.
pub fn mint_upload(key: &TokenKey, claims: &UploadClaims) -> Result<String, TokenError> {
    sign(key, AUDIENCE, claims)
}

/// Checks a token's signature, audience and end; `now` is in Unix seconds.
///
/// # Errors
/// [`TokenError::Forged`] for anything that this key did not sign for an upload, [`TokenError::Expired`] after the end.
pub fn verify_upload(key: &TokenKey, token: &str, now: u64) -> Result<UploadClaims, TokenError> {
    let claims: UploadClaims = open(key, AUDIENCE, token)?;
    match claims.exp <= now {
        true => Err(TokenError::Expired { sub: claims.sub, exp: claims.exp }),
        false => Ok(claims),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage_token::{StorageClaims, mint, verify};

    fn claims() -> UploadClaims {
        UploadClaims {
            sub: "user:ada".into(),
            exp: 1_000,
            key: "lab/uploads/a.csv/0/artifacts/content/a.csv".into(),
            size_bytes: u64::MAX,
            sha256: None,
            quota: None,
        }
    }

    #[test]
    fn a_token_is_good_until_its_end_and_only_with_its_key() {
        let (key, other) = (TokenKey::new(&[1; 32]).unwrap(), TokenKey::new(&[2; 32]).unwrap());
        let token = mint_upload(&key, &claims()).unwrap();
        assert_eq!(verify_upload(&key, &token, 999), Ok(claims()));
        let expired = TokenError::Expired { sub: "user:ada".into(), exp: 1_000 };
        assert_eq!(verify_upload(&key, &token, 1_000), Err(expired));
        assert_eq!(verify_upload(&other, &token, 1), Err(TokenError::Forged));
        assert_eq!(verify_upload(&key, &format!("{token}x"), 1), Err(TokenError::Forged));
    }

    #[test]
    fn a_token_for_an_upload_opens_no_storage_and_the_other_way_round() {
        let key = TokenKey::new(&[1; 32]).unwrap();
        let upload = mint_upload(&key, &claims()).unwrap();
        assert_eq!(verify(&key, &upload, 1), Err(TokenError::Forged));
        let all = vec![String::new()];
        let storage = StorageClaims { exp: 1_000, write: all.clone(), read: all, ..StorageClaims::default() };
        assert_eq!(verify_upload(&key, &mint(&key, &storage).unwrap(), 1), Err(TokenError::Forged));
    }
}
