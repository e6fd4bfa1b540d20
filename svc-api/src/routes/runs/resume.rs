//! `POST …/runs/{run}/resume`: go on.

use aide::transform::TransformOperation;
use axum::extract::State;
use axum::response::Response;
use emboflow_protocol::http::{CancelBody, ReasonBody};
use emboflow_protocol::request::Verb;

use super::steer;
use crate::app::App;
use crate::extract::{OptionalBody, Params};
use crate::idempotency::IdempotencyKey;
use crate::problem::Outcome;
use crate::routes::place::OfRun;

/// Resumes a run.
pub(crate) async fn resume(
    State(app): State<App>,
    Params(place): Params<OfRun>,
    key: IdempotencyKey,
    OptionalBody(body): OptionalBody<ReasonBody>,
) -> Outcome<Response> {
    steer::change(&app, place, Verb::Resume, key, CancelBody { reason: body.reason, ..CancelBody::default() })
        .await
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    steer::document(operation, "resumeRun", "Go on with a paused run")
}
