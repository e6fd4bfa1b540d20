//! The artifact that a path names.

use emboflow_model::{ArtifactSummary, ProjectName, RunId, TaskKey};
use emboflow_protocol::ErrorCode;

use crate::app::App;
use crate::problem::{Failure, Outcome};

/// An accepted artifact of a task; what an attempt that did not end well left behind is none.
pub(super) async fn find(
    app: &App,
    project: &ProjectName,
    run: RunId,
    key: &TaskKey,
    name: &str,
) -> Outcome<ArtifactSummary> {
    let task = app.task(project, run, key).await?;
    let state = task.state;
    let found = task.artifacts.into_iter().find(|artifact| artifact.name == name && state.is_good());
    found.ok_or_else(|| {
        let name: String = name.chars().take(80).collect();
        let detail = format!("task '{key}' of {run} is {state} and has no artifact '{name}'");
        Failure::new(ErrorCode::ArtifactNotFound, detail)
    })
}
