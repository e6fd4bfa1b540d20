//! `DELETE /api/v1/services/{service}`: removes a service; none of its tokens is good any more.

use aide::transform::TransformOperation;
use axum::extract::State;
use axum::http::StatusCode;
use emboflow_protocol::ErrorCode;

use crate::app::App;
use crate::extract::Params;
use crate::openapi::{self, Doc, WRITES};
use crate::problem::Outcome;
use crate::routes::place::OfService;

/// Removes a service.
pub(crate) async fn remove(
    State(app): State<App>,
    Params(OfService { service }): Params<OfService>,
) -> Outcome<StatusCode> {
    app.access.services.remove(&service).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let errors = &[ErrorCode::ServiceNotFound, ErrorCode::RecordsUnavailable];
    let doc = Doc { id: "removeService", tag: "keys", summary: "Remove a service", errors };
    let operation = openapi::answers(operation, 204, "", "Removed.");
    openapi::describe(operation, &doc, &[WRITES])
}
