//! `GET …/approvals`: the tasks of a project that wait for a person to decide.

use aide::transform::TransformOperation;
use axum::extract::State;
use emboflow_model::RunSummary;
use emboflow_protocol::http::Page;
use emboflow_protocol::http::approval::ApprovalView;
use emboflow_records::{RunFilter, RunSort, RunSortKey};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::app::App;
use crate::extract::{Params, Search};
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::paged::Paged;
use crate::problem::Outcome;
use crate::routes::limit::limit;
use crate::routes::place::InProject;

/// Query of the list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApprovalQuery {
    /// Runs a page, each with all its tasks that wait: 1 to 100; 50 by default.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// Cursor of the page, from `next` of the one before.
    cursor: Option<String>,
}

/// Lists what waits, that of the oldest run first.
pub(crate) async fn list(
    State(app): State<App>,
    Params(InProject { project }): Params<InProject>,
    Search(query): Search<ApprovalQuery>,
) -> Outcome<Paged<ApprovalView>> {
    let filter = RunFilter {
        awaits_people: true,
        sort: RunSort { by: RunSortKey::Created, descending: false },
        limit: limit(query.limit, 50, 100)?,
        cursor: query.cursor.filter(|cursor| !cursor.is_empty()),
        ..RunFilter::of(project)
    };
    let page = app.records.runs(filter).await?;
    let mut items = Vec::new();
    for run in &page.rows {
        items.extend(open_in(&app, run).await?);
    }
    Ok(Paged(Page { items, next: page.next }))
}

async fn open_in(app: &App, run: &RunSummary) -> Outcome<Vec<ApprovalView>> {
    let mut open = Vec::with_capacity(run.approvals.len());
    for key in &run.approvals {
        let task = app.task(&run.project, run.id, key).await?;
        // Somebody may have decided meanwhile.
        if let Some(approval) = task.open_approval().cloned() {
            open.push(ApprovalView { run: run.id, workflow: run.workflow.clone(), task: task.key, approval });
        }
    }
    Ok(open)
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "listApprovals",
        tag: "approvals",
        summary: "List the tasks that wait for a person to decide, those of the oldest run first",
        errors: &[],
    };
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
