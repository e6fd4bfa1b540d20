//! Errors as `application/problem+json`.

use crate::ledger::NoRoom;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use emboflow_objects::BadKey;
use emboflow_objects::StoreError;
use emboflow_protocol::storage_token::TokenError;
use emboflow_protocol::{ErrorCode, Problem};
use std::any::Any;

/// An answer that is an error.
pub(crate) struct Refusal {
    problem: Box<Problem>,
    size_bytes: Option<u64>,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self { problem: Box::new(problem), size_bytes: None }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let size_bytes = match &error {
            StoreError::Range(outside) => Some(outside.size_bytes),
            _ => None,
        };
        let problem = error.problem();
        if problem.status >= 500 {
            tracing::warn!(code = problem.code, %error, "the back end failed");
        }
        Self { problem: Box::new(problem), size_bytes }
    }
}

impl From<NoRoom> for Refusal {
    fn from(why: NoRoom) -> Self {
        match why {
            NoRoom::Full(problem) => (*problem).into(),
            NoRoom::Unknown(error) => error.into(),
        }
    }
}

impl From<BadKey> for Refusal {
    fn from(error: BadKey) -> Self {
        Problem::new(ErrorCode::StorageBadKey, error.to_string()).into()
    }
}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        let hint = "send `Authorization: Bearer` with a storage token that the API or the scheduler minted";
        Problem::new(ErrorCode::StorageTokenInvalid, error.to_string()).with_hint(hint).into()
    }
}

impl Refusal {
    pub(super) fn no_token() -> Self {
        let hint = "send `Authorization: Bearer` with a storage token that the API or the scheduler minted";
        Problem::new(ErrorCode::StorageTokenInvalid, "the request has no bearer token").with_hint(hint).into()
    }

    pub(super) fn outside(sub: &str, verb: &str, name: &str) -> Self {
        let detail = format!("the token for {sub} does not allow to {verb} `{name}`");
        Problem::new(ErrorCode::StorageForbidden, detail).into()
    }

    pub(super) fn parameter(detail: impl Into<String>) -> Self {
        Problem::new(ErrorCode::RequestInvalid, detail).into()
    }

    pub(super) fn busy(uploads: usize) -> Self {
        let detail = format!("{uploads} uploads are under way, and none ended in time");
        Problem::new(ErrorCode::StorageUnavailable, detail).with_hint("try again in a few seconds").into()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { problem, size_bytes } = self;
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(size) = size_bytes.and_then(|size| HeaderValue::from_str(&format!("bytes */{size}")).ok())
        {
            headers.insert(header::CONTENT_RANGE, size);
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}

/// The answer when a handler panicked: a defect, told without its insides.
pub(super) fn after_panic(_panic: Box<dyn Any + Send>) -> Response {
    tracing::error!("a request handler panicked");
    Refusal::from(Problem::new(ErrorCode::Internal, "the gateway failed on this request")).into_response()
}
