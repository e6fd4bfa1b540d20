//! `/objects/{key}`: put, get, head, delete.

use super::access::{Access, Key};
use super::{Gateway, Refusal};
use crate::fail_point::FailPoint;
use crate::ledger::Booking;
use crate::measure;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use emboflow_model::object_key;
use emboflow_objects::Digest;
use emboflow_objects::RangeRequest;
use emboflow_objects::{Chunks, watched};
use emboflow_objects::{Meta, Opened, Put};
use emboflow_protocol::header::{OBJECT_TYPE, SHA256};
use emboflow_protocol::storage_token::StoredQuota;
use emboflow_protocol::{ErrorCode, Problem};
use futures::StreamExt;
use std::time::{Duration, UNIX_EPOCH};

// What is read of a body that is refused already: a caller that is still sending would otherwise find its
// connection broken instead of the answer.
const DRAIN_BYTES: usize = 8 << 20;
const DRAIN_TIME: Duration = Duration::from_secs(2);

pub(super) async fn put(
    State(gateway): State<Gateway>,
    access: Result<Access, Refusal>,
    key: Result<Key, Refusal>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let quota = access.as_ref().ok().and_then(Access::quota);
    let wanted = async { wanted(&gateway, access?, key?, &headers) }.await;
    receive(&gateway, wanted, quota, gateway.limits.object_bytes, body).await
}

/// Stores the content of a request, at most `limit_bytes` of it, and what the project's quota leaves room for.
pub(super) async fn receive(
    gateway: &Gateway,
    wanted: Result<Put, Refusal>,
    quota: Option<StoredQuota>,
    limit_bytes: u64,
    body: Body,
) -> Response {
    let stall = Duration::from_millis(gateway.limits.stall_ms);
    let booked = match wanted {
        Ok(put) => book(gateway, &put, quota).await.map(|booking| (put, booking)),
        Err(refusal) => Err(refusal),
    };
    let room = booked.as_ref().ok().and_then(|(_, booking)| Some(booking.as_ref()?.room));
    let mut content = watched(body.into_data_stream(), stall, limit_bytes.min(room.unwrap_or(u64::MAX)));
    let stored = async {
        let (put, booking) = booked?;
        store(gateway, put, booking, &mut content).await
    };
    match stored.await {
        Ok(response) => response,
        Err(refusal) => {
            drain(content).await;
            refusal.into_response()
        }
    }
}

fn wanted(gateway: &Gateway, access: Access, Key(key): Key, headers: &HeaderMap) -> Result<Put, Refusal> {
    access.to_write(key.as_str())?;
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let sha256 =
        text(SHA256).map(|text| text.parse::<Digest>().map_err(|error| format!("{SHA256}: {error}")));
    let sha256 = sha256.transpose().map_err(Refusal::parameter)?;
    let only_if_absent = match text(header::IF_NONE_MATCH.as_str()) {
        None => false,
        Some("*") => true,
        Some(_) => return Err(Refusal::parameter("if-none-match takes only `*` here")),
    };
    let size_bytes = text(header::CONTENT_LENGTH.as_str()).and_then(|text| text.parse().ok());
    if size_bytes.is_some_and(|size| size > gateway.limits.object_bytes) {
        let limit = gateway.limits.object_bytes;
        return Err(
            Problem::new(ErrorCode::RequestTooLarge, format!("an object has at most {limit} bytes")).into()
        );
    }
    Ok(Put { key, size_bytes, sha256, only_if_absent })
}

/// Takes room for an object, where its project's is bounded. A log is stored nevertheless: it says what went wrong.
async fn book(gateway: &Gateway, put: &Put, quota: Option<StoredQuota>) -> Result<Option<Booking>, Refusal> {
    match quota.filter(|_| !object_key::is_log(put.key.as_str())) {
        Some(quota) => Ok(Some(gateway.ledger.book(&quota, put.size_bytes).await?)),
        None => Ok(None),
    }
}

async fn store(
    gateway: &Gateway,
    put: Put,
    booking: Option<Booking>,
    content: &mut Chunks,
) -> Result<Response, Refusal> {
    let wait = Duration::from_millis(gateway.limits.upload_wait_ms);
    let turn = tokio::time::timeout(wait, gateway.uploads.acquire()).await;
    let _turn = turn.map_err(|_| Refusal::busy(gateway.limits.uploads))?;
    let backend = gateway.store.kind();
    gateway.fail_points.visit(FailPoint::Receiving);
    let stored = measure::operation(backend, "put", gateway.store.put(put, content)).await?;
    gateway.fail_points.visit(FailPoint::Stored);
    measure::bytes_in(backend, stored.size_bytes);
    match booking {
        Some(booking) => booking.filled(stored.size_bytes),
        None => gateway.ledger.note(stored.key.as_str(), stored.size_bytes),
    }
    gateway.created.tell(&stored.key);
    Ok((StatusCode::CREATED, Json(stored)).into_response())
}

async fn drain(mut content: Chunks) {
    let reading = async {
        let mut left = DRAIN_BYTES;
        while let Some(Ok(chunk)) = content.next().await {
            match left.checked_sub(chunk.len()) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    let _read_enough_after_that = tokio::time::timeout(DRAIN_TIME, reading).await;
}

pub(super) async fn get(
    State(gateway): State<Gateway>,
    access: Access,
    Key(key): Key,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    access.to_read(key.as_str())?;
    let range =
        headers.get(header::RANGE).and_then(|value| value.to_str().ok()).and_then(RangeRequest::parse);
    let backend = gateway.store.kind();
    let opened = measure::operation(backend, "get", gateway.store.get(&key, range)).await?;
    let Opened { meta, range: given, content } = opened;
    let counted = content.inspect(move |chunk| {
        if let Ok(chunk) = chunk {
            measure::bytes_out(backend, chunk.len() as u64);
        }
    });
    let status = if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let mut response = (status, Body::from_stream(counted)).into_response();
    describe(&meta, given.end - given.start, response.headers_mut());
    if range.is_some() {
        let part = format!("bytes {}-{}/{}", given.start, given.end.saturating_sub(1), meta.size_bytes);
        set(response.headers_mut(), header::CONTENT_RANGE, &part);
    }
    Ok(response)
}

pub(super) async fn head(
    State(gateway): State<Gateway>,
    access: Access,
    Key(key): Key,
) -> Result<Response, Refusal> {
    access.to_read(key.as_str())?;
    let meta = measure::operation(gateway.store.kind(), "head", gateway.store.head(&key)).await?;
    let mut response = StatusCode::OK.into_response();
    describe(&meta, meta.size_bytes, response.headers_mut());
    Ok(response)
}

pub(super) async fn delete(
    State(gateway): State<Gateway>,
    access: Access,
    Key(key): Key,
) -> Result<StatusCode, Refusal> {
    access.to_delete(key.as_str())?;
    measure::operation(gateway.store.kind(), "delete", gateway.store.delete(&key)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn describe(meta: &Meta, length: u64, headers: &mut HeaderMap) {
    set(headers, header::CONTENT_LENGTH, &length.to_string());
    set(headers, header::CONTENT_TYPE, "application/octet-stream");
    set(headers, header::ACCEPT_RANGES, "bytes");
    let modified = UNIX_EPOCH + Duration::from_millis(meta.modified_at.0.max(0) as u64);
    set(headers, header::LAST_MODIFIED, &httpdate::fmt_http_date(modified));
    if let Some(sha256) = meta.sha256 {
        set(headers, header::ETAG, &format!("\"{sha256}\""));
        set(headers, header::HeaderName::from_static(SHA256), &sha256.to_string());
    }
    // What a store says of itself and of foreign uploads need not be header text.
    let own =
        [(header::ETAG, &meta.etag), (header::HeaderName::from_static(OBJECT_TYPE), &meta.content_type)];
    for (name, word) in own {
        let word = word.as_ref().and_then(|word| HeaderValue::from_str(word).ok());
        if let (Some(word), false) = (word, headers.contains_key(&name)) {
            headers.insert(name, word);
        }
    }
}

fn set(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    headers.insert(name, HeaderValue::from_str(value).expect("digits, hex and dates are header text"));
}
