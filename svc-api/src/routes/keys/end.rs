//! `DELETE /api/v1/keys/{key}`: ends a key.

use aide::transform::TransformOperation;
use axum::extract::State;
use axum::http::StatusCode;
use emboflow_model::access::Who;
use emboflow_protocol::ErrorCode;

use crate::access::By;
use crate::app::App;
use crate::extract::Params;
use crate::openapi::{self, Doc, WRITES};
use crate::problem::{Failure, Outcome};
use crate::routes::owned::endable;
use crate::routes::place::OfKey;

/// Ends a key of one's own, or as an administrator anybody's. A key may end itself, and no other.
pub(crate) async fn end(
    State(app): State<App>,
    By(caller): By,
    Params(OfKey { key }): Params<OfKey>,
) -> Outcome<StatusCode> {
    let is_allowed = match &caller.who {
        Who::Key { id, .. } => *id == key,
        Who::Service(_) => caller.is_platform_admin(),
        Who::User(_) | Who::Local => true,
    };
    if is_allowed && app.access.keys.end(endable(&caller).as_ref(), &key).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    let key: String = key.chars().take(80).collect();
    Err(Failure::new(ErrorCode::KeyNotFound, format!("there is no key '{key}'")))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let errors = &[ErrorCode::KeyNotFound, ErrorCode::RecordsUnavailable];
    let doc = Doc { id: "endKey", tag: "keys", summary: "End an API key", errors };
    let operation = openapi::answers(operation, 204, "", "Ended.");
    openapi::describe(operation, &doc, &[WRITES])
}
