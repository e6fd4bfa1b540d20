//! `DELETE …/workflows/{workflow}`: removes a workflow.

use aide::transform::TransformOperation;
use axum::extract::State;
use axum::http::StatusCode;
use emboflow_protocol::ErrorCode;

use super::view;
use crate::app::App;
use crate::conditional::Precondition;
use crate::extract::Params;
use crate::openapi::{self, Doc, IN_PROJECT, WRITES};
use crate::problem::{Failure, Outcome};
use crate::routes::place::OfWorkflow;
use crate::triggers::Starters;

/// Removes it with all its versions and the triggers of its file. Runs have a copy of the file, and stay.
pub(crate) async fn remove(
    State(app): State<App>,
    Params(OfWorkflow { project, workflow }): Params<OfWorkflow>,
    wanted: Precondition,
) -> Outcome<StatusCode> {
    let _one_at_a_time = app.putting_workflows.lock().await;
    let kept = app.records.workflow(&project, &workflow, None).await?.map(view::full);
    let tag = kept.as_ref().map(view::tag);
    wanted.check(&format!("workflow '{workflow}'"), tag.as_ref())?;
    if kept.is_none() {
        let detail = format!("project '{project}' has no workflow '{workflow}'");
        return Err(Failure::new(ErrorCode::WorkflowNotFound, detail));
    }
    // Its own triggers go first: without them nothing starts a workflow that is not there.
    Starters::of(&app, &project, &workflow).await?.remove(&app, &project).await?;
    app.records.drop_workflow(&project, &workflow).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "removeWorkflow",
        tag: "workflows",
        summary: "Remove a workflow with all its versions and the triggers of its file",
        errors: &[ErrorCode::WorkflowNotFound, ErrorCode::WorkflowInUse, ErrorCode::RequestPrecondition],
    };
    let operation =
        openapi::answers(operation, 204, "", "It is gone. Its runs stay, and those that are open go on.");
    openapi::describe(operation, &doc, &[IN_PROJECT, WRITES])
}
