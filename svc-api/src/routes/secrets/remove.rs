//! `DELETE …/secrets/{secret}`: removes a secret with its value.

use aide::transform::TransformOperation;
use axum::extract::State;
use axum::http::StatusCode;
use emboflow_protocol::ErrorCode;

use crate::app::App;
use crate::extract::Params;
use crate::openapi::{self, Doc, IN_PROJECT, WRITES};
use crate::problem::Outcome;
use crate::routes::place::OfSecret;

/// Removes it; attempts that have it go on.
pub(crate) async fn remove(
    State(app): State<App>,
    Params(OfSecret { project, secret }): Params<OfSecret>,
) -> Outcome<StatusCode> {
    app.secrets.remove(&project, &secret).await.map(|()| StatusCode::NO_CONTENT)
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "removeSecret",
        tag: "secrets",
        summary: "Remove a secret with its value",
        errors: &[ErrorCode::SecretNotFound, ErrorCode::RequestPrecondition],
    };
    let operation = openapi::answers(operation, 204, "", "It is gone. Attempts that have its value go on.");
    openapi::describe(operation, &doc, &[IN_PROJECT, WRITES])
}
