//! `PUT …/workflows/{workflow}`: keeps a file under its name.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_model::{ProjectName, WorkflowName};
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

/// Workflows of one project at most.
const MAX_OF_PROJECT: u32 = 1_000;
/// Versions of one workflow at most.
const MAX_VERSIONS: u32 = 10_000;

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
    let tag = now_kept.as_ref().map(view::tag);
    wanted.check(&format!("workflow '{workflow}'"), tag.as_ref())?;
    let is_same = now_kept.as_ref().is_some_and(|kept| kept.digest == checked.digest);
    if !is_same {
        check_room(&app, &project, &workflow, now_kept.map(|kept| kept.version)).await?;
    }
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

/// Errors: there are too many versions of it, or too many others beside one that is new.
async fn check_room(
    app: &App,
    project: &ProjectName,
    workflow: &WorkflowName,
    newest: Option<u32>,
) -> Outcome<()> {
    if let Some(newest) = newest {
        let detail = format!("workflow '{workflow}' has {newest} versions, and may have no more");
        return if newest < MAX_VERSIONS {
            Ok(())
        } else {
            Err(Failure::new(ErrorCode::WorkflowTooMany, detail))
        };
    }
    let kept = app.records.workflows(project, None, MAX_OF_PROJECT).await?.len();
    if kept < MAX_OF_PROJECT as usize {
        return Ok(());
    }
    let detail = format!("project '{project}' has {kept} workflows, and may have no more");
    Err(Failure::new(ErrorCode::WorkflowTooMany, detail))
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
            ErrorCode::WorkflowTooMany,
            ErrorCode::RequestPrecondition,
            ErrorCode::TriggerConflict,
        ],
    };
    openapi::describe(operation, &doc, &[IN_PROJECT, WRITES, WITH_BODY])
}
