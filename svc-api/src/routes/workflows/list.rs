//! `GET …/workflows`: the newest version of each workflow.

use aide::transform::TransformOperation;
use axum::extract::State;
use emboflow_model::WorkflowName;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::{Page, WorkflowView};
use schemars::JsonSchema;
use serde::Deserialize;

use super::view;
use crate::app::App;
use crate::extract::{Params, Search};
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::paged::Paged;
use crate::problem::{Failure, Outcome};
use crate::routes::limit::limit;
use crate::routes::place::InProject;

/// Query of a list of workflows.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkflowQuery {
    /// Workflows a page, 1 to 500; 100 by default.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<u32>,
    /// Cursor of the page, from `next` of the one before.
    cursor: Option<String>,
}

/// Lists workflows by name.
pub(crate) async fn list(
    State(app): State<App>,
    Params(InProject { project }): Params<InProject>,
    Search(query): Search<WorkflowQuery>,
) -> Outcome<Paged<WorkflowView>> {
    let limit = limit(query.limit, 100, 500)?;
    let after = query.cursor.filter(|cursor| !cursor.is_empty()).map(WorkflowName::new).transpose().map_err(
        |error| {
            Failure::new(ErrorCode::RequestInvalid, format!("the cursor is not one of this list: {error}"))
        },
    )?;
    // One more tells whether there is a next page.
    let mut rows = app.records.workflows(&project, after.as_ref(), limit + 1).await?;
    let has_more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| has_more).map(|last| last.name.to_string());
    Ok(Paged(Page { items: rows.into_iter().map(view::row).collect(), next }))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc { id: "listWorkflows", tag: "workflows", summary: "List workflows by name", errors: &[] };
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
