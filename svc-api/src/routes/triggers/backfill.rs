//! `POST …/triggers/{trigger}/backfill`: starts the runs of past times.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use emboflow_model::Timestamp;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::trigger::{BackfillBody, FiredView};
use emboflow_protocol::trigger::{Fire, FireCause};

use super::fire::{AT_SERVICE, ask};
use crate::app::{App, now};
use crate::extract::{Body, Params};
use crate::openapi::{self, Doc, IN_PROJECT, WITH_BODY, WRITES};
use crate::problem::{Failure, Outcome};
use crate::routes::place::OfTrigger;
use crate::triggers;

/// Starts a run for each time of the range that has none yet; to send it again starts nothing twice.
pub(crate) async fn backfill(
    State(app): State<App>,
    Params(OfTrigger { project, trigger }): Params<OfTrigger>,
    Body { value: BackfillBody { from, to }, .. }: Body<BackfillBody>,
) -> Outcome<(StatusCode, Json<FiredView>)> {
    triggers::get(&app, &project, &trigger).await?;
    check_range(from, to)?;
    ask(&app, Fire { project, trigger, cause: FireCause::Backfill { from, to } }).await
}

/// Refuses what is no range of past moments.
pub(super) fn check_range(from: Timestamp, to: Timestamp) -> Outcome<()> {
    if from <= to && to <= now() {
        return Ok(());
    }
    let detail = format!("from {from} to {to} is no range of past moments");
    Err(Failure::new(ErrorCode::RequestInvalid, detail)
        .with_hint("`from` is not after `to`, and `to` not after now"))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "backfillTrigger",
        tag: "triggers",
        summary: "Start the runs of a schedule's past times",
        errors: &[ErrorCode::TriggerNotFound],
    };
    let operation = operation
        .description(
            "Starts a run for each time of the range that has none yet, whatever the policy for overlaps says; at most 1,000 \
             at once, and `more_after` says where to go on.",
        )
        .response_with::<202, Json<FiredView>, _>(|answer| {
            answer.description("Safely taken; each address tells what became of the request.")
        });
    openapi::describe(operation, &doc, &[IN_PROJECT, WRITES, WITH_BODY, AT_SERVICE])
}
