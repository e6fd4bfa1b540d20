//! Who asks, and whether the token reaches so far.

use super::{Gateway, Refusal};
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use axum::http::{HeaderMap, header, request::Parts};
use emboflow_protocol::storage_token::{StorageClaims, StoredQuota, verify};
use std::time::{SystemTime, UNIX_EPOCH};

use emboflow_objects::{BadKey, ObjectKey};

/// The verified claims of a request. It comes before everything else in a handler: a stranger learns nothing.
pub(super) struct Access(StorageClaims);

impl FromRequestParts<Gateway> for Access {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Refusal> {
        let token = bearer(&parts.headers).ok_or_else(Refusal::no_token)?;
        Ok(Self(verify(&gateway.key, token, now())?))
    }
}

/// The token of `Authorization: Bearer`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The moment, in Unix seconds.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Access {
    pub(super) fn to_read(&self, key: &str) -> Result<(), Refusal> {
        self.when(self.0.may_read(key), "read", key)
    }

    pub(super) fn to_list(&self, prefix: &str) -> Result<(), Refusal> {
        self.when(self.0.may_list(prefix), "list everything below", prefix)
    }

    pub(super) fn to_write(&self, key: &str) -> Result<(), Refusal> {
        self.when(self.0.may_write(key), "write", key)
    }

    pub(super) fn to_delete(&self, key: &str) -> Result<(), Refusal> {
        self.when(self.0.may_delete(key), "delete", key)
    }

    /// What is written counts against this.
    pub(super) fn quota(&self) -> Option<StoredQuota> {
        self.0.quota.clone()
    }

    fn when(&self, allowed: bool, verb: &str, name: &str) -> Result<(), Refusal> {
        if allowed { Ok(()) } else { Err(Refusal::outside(&self.0.sub, verb, name)) }
    }
}

/// The key in the path, decoded once.
pub(super) struct Key(pub(super) ObjectKey);

impl FromRequestParts<Gateway> for Key {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Refusal> {
        let path: Result<Path<String>, PathRejection> = Path::from_request_parts(parts, gateway).await;
        let Path(text) = path.map_err(|_| BadKey::NotUtf8)?;
        Ok(Self(ObjectKey::parse(text)?))
    }
}
