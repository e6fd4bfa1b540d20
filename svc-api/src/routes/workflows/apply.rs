//! `PUT …/workflows/{workflow}`: keeps a file under its name.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_protocol::http::{WorkflowBody, WorkflowView};
use emboflow_protocol::{ErrorCode, FieldError};
use emboflow_records::WorkflowVersion;

use super::{check, view};
use crate::app::{App, now};
use crate::conditional::Precondition;
use crate::extract::{Body, Params};
use crate::openapi::{self, Doc, IN_PROJECT, WITH_BODY, WRITES};
use crate::problem::{Failure, Outcome};
use crate::routes::place::OfWorkflow;
use crate::triggers::Declared;

/// Keeps the file as the newest version; one that is the newest version already stays what it is.
pub(crate) async fn apply(
    State(app): State<App>,
    Params(OfWorkflow { project, workflow }): Params<OfWorkflow>,
    wanted: Precondition,
    Body { value, .. }: Body<WorkflowBody>,
) -> Outcome<Json<WorkflowView>> {
    let checked = check::check(value.source).await?;
    if checked.name != workflow.as_str() {
        let message =
            format!("the file says that its name is '{}', the address says '{workflow}'", checked.name);
        let pointer = Some("/name".to_owned());
        return Err(Failure::rejected(vec![FieldError {
            pointer,
            ..FieldError::new(ErrorCode::WorkflowInvalid, message)
        }]));
    }
    let _one_at_a_time = app.putting_workflows.lock().await;
    let now_kept = app.records.workflow(&project, &workflow, None).await?.map(view::full);
    let tag = now_kept.map(|kept| view::tag(&kept));
    wanted.check(&format!("workflow '{workflow}'"), tag.as_ref())?;
    let declared = Declared::of(&app, &project, &checked).await?;
    let description = checked.file.description.clone();
    let version = WorkflowVersion::to_put(
        project.clone(),
        workflow,
        checked.digest,
        checked.source,
        description,
        now(),
    );
    let kept = app.records.put_workflow(version).await?;
    declared.apply(&app, &project).await?;
    Ok(Json(view::full(kept)))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "applyWorkflow",
        tag: "workflows",
        summary: "Keep a workflow file under its name",
        errors: &[
            ErrorCode::WorkflowInvalid,
            ErrorCode::WorkflowNotFound,
            ErrorCode::RequestPrecondition,
            ErrorCode::TriggerConflict,
        ],
    };
    openapi::describe(operation, &doc, &[IN_PROJECT, WRITES, WITH_BODY])
}
