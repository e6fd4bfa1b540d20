//! `DELETE …/triggers/{trigger}`: removes a trigger.

use aide::transform::TransformOperation;
use axum::extract::State;
use axum::http::StatusCode;
use emboflow_protocol::ErrorCode;

use crate::app::App;
use crate::conditional::Precondition;
use crate::extract::Params;
use crate::openapi::{self, Doc, IN_PROJECT, WRITES};
use crate::problem::Outcome;
use crate::routes::place::OfTrigger;
use crate::triggers;

/// Removes it with its history; the runs that it started stay.
pub(crate) async fn remove(
    State(app): State<App>,
    Params(OfTrigger { project, trigger }): Params<OfTrigger>,
    wanted: Precondition,
) -> Outcome<StatusCode> {
    let found = triggers::get(&app, &project, &trigger).await?;
    wanted.check(&format!("trigger '{trigger}'"), Some(&triggers::tag(found.version)))?;
    triggers::check_own(&found)?;
    triggers::remove(&app, &project, &found).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "removeTrigger",
        tag: "triggers",
        summary: "Remove a trigger with its history",
        errors: &[ErrorCode::TriggerNotFound, ErrorCode::TriggerConflict, ErrorCode::RequestPrecondition],
    };
    let operation = openapi::answers(operation, 204, "", "It is gone. The runs that it started stay.");
    openapi::describe(operation, &doc, &[IN_PROJECT, WRITES])
}
