//! `PUT /upload`: a file from page or CLI. The token says under which key, how many bytes, and until when; nothing of it
//! is in the address.

use super::access::bearer;
use super::objects::receive;
use super::{Gateway, Refusal};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use emboflow_objects::{Digest, ObjectKey, Put};
use emboflow_protocol::header::SHA256;
use emboflow_protocol::upload_token::{UploadClaims, verify_upload};
use emboflow_protocol::{ErrorCode, Problem};

const ASK_AGAIN: &str = "ask the API for the upload again: its answer has a new token";

pub(super) async fn put(State(gateway): State<Gateway>, headers: HeaderMap, body: Body) -> Response {
    let claims = claims(&gateway, &headers);
    let limit_bytes = claims.as_ref().map_or(0, |claims| claims.size_bytes).min(gateway.limits.object_bytes);
    let quota = claims.as_ref().ok().and_then(|claims| claims.quota.clone());
    let wanted = claims.and_then(|claims| wanted(&gateway, claims, &headers));
    receive(&gateway, wanted, quota, limit_bytes, body).await
}

fn claims(gateway: &Gateway, headers: &HeaderMap) -> Result<UploadClaims, Refusal> {
    let refused = |detail: String| {
        Refusal::from(Problem::new(ErrorCode::StorageTokenInvalid, detail).with_hint(ASK_AGAIN))
    };
    let token = bearer(headers).ok_or_else(|| refused("the request has no bearer token".to_owned()))?;
    verify_upload(&gateway.key, token, super::access::now()).map_err(|error| refused(error.to_string()))
}

/// What is stored, if the request announces what the token is for. An object is never replaced: a version of an upload
/// is the same for ever.
fn wanted(gateway: &Gateway, claims: UploadClaims, headers: &HeaderMap) -> Result<Put, Refusal> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if claims.size_bytes > gateway.limits.object_bytes {
        let limit = gateway.limits.object_bytes;
        let detail = format!("the token is for {} bytes; an object has at most {limit}", claims.size_bytes);
        return Err(Problem::new(ErrorCode::RequestTooLarge, detail).into());
    }
    let announced = text(header::CONTENT_LENGTH.as_str()).and_then(|text| text.parse::<u64>().ok());
    if let Some(announced) = announced.filter(|announced| *announced != claims.size_bytes) {
        let code = match announced > claims.size_bytes {
            true => ErrorCode::RequestTooLarge,
            false => ErrorCode::RequestInvalid,
        };
        let detail = format!("the token is for {} bytes, and {announced} are announced", claims.size_bytes);
        return Err(Problem::new(code, detail).with_hint(ASK_AGAIN).into());
    }
    let read = |text: &str| text.parse::<Digest>().map_err(|error| format!("{SHA256}: {error}"));
    let promised = claims.sha256.as_deref().map(read).transpose().map_err(Refusal::parameter)?;
    let sent = text(SHA256).map(read).transpose().map_err(Refusal::parameter)?;
    if promised.is_some() && sent.is_some() && promised != sent {
        return Err(Refusal::parameter(format!("{SHA256} is another than the token is for")));
    }
    Ok(Put {
        key: ObjectKey::parse(claims.key)?,
        size_bytes: Some(claims.size_bytes),
        sha256: promised.or(sent),
        only_if_absent: true,
    })
}
