//! `POST …/runs/{run}/pause`: start no more attempts.

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

/// Pauses a run.
pub(crate) async fn pause(
    State(app): State<App>,
    Params(place): Params<OfRun>,
    key: IdempotencyKey,
    OptionalBody(body): OptionalBody<ReasonBody>,
) -> Outcome<Response> {
    steer::change(&app, place, Verb::Pause, key, CancelBody { reason: body.reason, ..CancelBody::default() })
        .await
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    steer::document(operation, "pauseRun", "Pause a run: what runs goes on, nothing new starts")
}
