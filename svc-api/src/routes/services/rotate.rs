//! `POST /api/v1/service-keys`: a new key signs from now on; what the older ones signed stays good until it ends.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::service::SigningKeyView;

use crate::app::App;
use crate::openapi::{self, Doc, WRITES};
use crate::problem::Outcome;

/// Makes the key.
pub(crate) async fn rotate(State(app): State<App>) -> Outcome<(StatusCode, Json<SigningKeyView>)> {
    let key = app.access.services.rotate().await?;
    let view = SigningKeyView { kid: key.kid, created_at: key.created_at };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "rotateServiceKey",
        tag: "keys",
        summary: "Sign the tokens of services with a new key from now on",
        errors: &[ErrorCode::RecordsUnavailable],
    };
    let operation =
        operation.response_with::<201, Json<SigningKeyView>, _>(|answer| answer.description("The key."));
    openapi::describe(operation, &doc, &[WRITES])
}
