//! Clears results: the scheduler looks here before a task takes one over.

use emboflow_model::clearing::Clearing;
use emboflow_model::{ProjectName, WorkflowName};
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::clearing::ClearingView;
use emboflow_records::{Kept, Records};

use crate::problem::{Failure, Outcome};

/// Tries of a change that others make too.
const TRIES: usize = 5;

/// No result is taken over any more that was begun by then: of the project, or of the runs of one workflow.
pub(crate) async fn clear(
    records: &dyn Records,
    project: &ProjectName,
    workflow: Option<WorkflowName>,
    wanted: Clearing,
) -> Outcome<ClearingView> {
    let (scope, name) = (project.as_str(), Clearing::name_for(workflow.as_ref()));
    let body = serde_json::to_string(&wanted).map_err(|error| Failure::behind(ErrorCode::Internal, error))?;
    for _ in 0..TRIES {
        let found = records.kept(Clearing::KIND, scope, &name).await?;
        let expected = found.map(|kept| kept.version);
        if records.keep(Clearing::KIND, scope, &name, expected, body.clone()).await?.is_some() {
            return Ok(ClearingView { workflow, clearing: wanted });
        }
    }
    let detail = format!("others clear results of project '{project}' all the time");
    Err(Failure::new(ErrorCode::RequestPrecondition, detail))
}

/// The documents' names after this one with what they say, at most `limit`.
pub(crate) async fn page(
    records: &dyn Records,
    project: &ProjectName,
    after: Option<&str>,
    limit: u32,
) -> Outcome<Vec<ClearingView>> {
    let after = after.map(|name| (project.as_str(), name));
    let kept = records.kept_page(Clearing::KIND, Some(project.as_str()), after, limit).await?;
    Ok(kept.iter().map(view).collect())
}

fn view(kept: &Kept) -> ClearingView {
    ClearingView { workflow: Clearing::workflow_of(&kept.name), clearing: Clearing::read(&kept.body) }
}
