//! `GET …/runs/{run}/artifacts`: everything that a run made.

use aide::transform::TransformOperation;
use axum::extract::State;
use emboflow_model::Task;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::{ArtifactView, Page};
use emboflow_records::TaskFilter;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::app::App;
use crate::extract::{Params, Search};
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::paged::Paged;
use crate::problem::Outcome;
use crate::routes::limit::{limit, numeric_cursor};
use crate::routes::place::OfRun;

/// Tasks read at a time.
const TASKS: u32 = 500;

/// Query of a list of artifacts.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ArtifactQuery {
    /// Artifacts a page, 1 to 1,000; 500 by default. A task's artifacts stay on one page, which may so have a few more.
    #[schemars(range(min = 1, max = 1_000))]
    limit: Option<u32>,
    /// Cursor of the page, from `next` of the one before.
    cursor: Option<String>,
}

/// Lists artifacts in the order of their tasks.
pub(crate) async fn list(
    State(app): State<App>,
    Params(OfRun { project, run }): Params<OfRun>,
    Search(query): Search<ArtifactQuery>,
) -> Outcome<Paged<ArtifactView>> {
    let limit = limit(query.limit, 500, 1_000)? as usize;
    let mut after_position = numeric_cursor(query.cursor.as_deref())?;
    let mut items = Vec::new();
    loop {
        let filter = TaskFilter { after_position, limit: TASKS, ..TaskFilter::default() };
        let tasks = app.tasks(&project, run, filter).await?;
        let is_last = tasks.len() < TASKS as usize;
        for task in tasks {
            if items.len() >= limit {
                let next = after_position.map(|position| position.to_string());
                return Ok(Paged(Page { items, next }));
            }
            after_position = Some(task.position);
            items.extend(views(task));
        }
        if is_last {
            return Ok(Paged(Page { items, next: None }));
        }
    }
}

fn views(task: Task) -> impl Iterator<Item = ArtifactView> {
    let artifacts = if task.state.is_good() { task.artifacts } else { Vec::new() };
    artifacts.into_iter().map(move |artifact| ArtifactView {
        task: task.key.clone(),
        name: artifact.name,
        files: artifact.files,
        size_bytes: artifact.size_bytes,
        preview: artifact.preview,
        directory: artifact.directory,
        manifest_sha256: artifact.manifest_sha256,
        taken_over_from: task.taken_over_from,
    })
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let errors = &[ErrorCode::RunNotFound];
    let doc = Doc { id: "listArtifacts", tag: "artifacts", summary: "List what a run's tasks made", errors };
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
