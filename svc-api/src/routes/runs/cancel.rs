//! `POST …/runs/{run}/cancel`: end it.

use aide::transform::TransformOperation;
use axum::extract::State;
use axum::response::Response;
use emboflow_protocol::http::CancelBody;
use emboflow_protocol::request::Verb;

use super::steer;
use crate::app::App;
use crate::extract::{OptionalBody, Params};
use crate::idempotency::IdempotencyKey;
use crate::problem::Outcome;
use crate::routes::place::OfRun;

/// Cancels a run.
pub(crate) async fn cancel(
    State(app): State<App>,
    Params(place): Params<OfRun>,
    key: IdempotencyKey,
    OptionalBody(body): OptionalBody<CancelBody>,
) -> Outcome<Response> {
    steer::change(&app, place, Verb::Cancel, key, body).await
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    steer::document(
        operation,
        "cancelRun",
        "Cancel a run; `cancelled` means that nothing of it runs any more",
    )
}
