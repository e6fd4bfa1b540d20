//! `DELETE /api/v1/sessions/{session}`: signs a browser out from afar.

use aide::transform::TransformOperation;
use axum::extract::State;
use axum::http::StatusCode;
use emboflow_protocol::ErrorCode;

use crate::access::By;
use crate::app::App;
use crate::extract::Params;
use crate::openapi::{self, Doc, WRITES};
use crate::problem::{Failure, Outcome};
use crate::routes::owned::endable;
use crate::routes::place::OfSession;

/// Ends a session of one's own, or as an administrator anybody's.
pub(crate) async fn end(
    State(app): State<App>,
    By(caller): By,
    Params(OfSession { session }): Params<OfSession>,
) -> Outcome<StatusCode> {
    if app.access.sessions.end_by_id(endable(&caller).as_ref(), &session).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    let session: String = session.chars().take(80).collect();
    Err(Failure::new(ErrorCode::SessionNotFound, format!("there is no session '{session}'")))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let errors = &[ErrorCode::SessionNotFound, ErrorCode::RecordsUnavailable];
    let doc = Doc { id: "endSession", tag: "users", summary: "Sign a browser out from afar", errors };
    let operation = openapi::answers(operation, 204, "", "Ended.");
    openapi::describe(operation, &doc, &[WRITES])
}
