//! `GET …/workflows`: the newest version of each workflow.

use aide::transform::TransformOperation;
use axum::extract::State;
use emboflow_model::WorkflowName;
use emboflow_protocol::http::{Page, WorkflowView};
use emboflow_records::WorkflowRow;

use super::view;
use crate::app::App;
use crate::extract::{Params, Search};
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::paged::Paged;
use crate::problem::Outcome;
use crate::routes::limit::{NameQuery, by_name};
use crate::routes::place::InProject;

/// Lists workflows by name.
pub(crate) async fn list(
    State(app): State<App>,
    Params(InProject { project }): Params<InProject>,
    Search(query): Search<NameQuery>,
) -> Outcome<Paged<WorkflowView>> {
    let read = async |after: Option<WorkflowName>, limit| {
        Ok(app.records.workflows(&project, after.as_ref(), limit).await?)
    };
    let (rows, next) = by_name(query, read, |last: &WorkflowRow| last.name.to_string()).await?;
    Ok(Paged(Page { items: rows.into_iter().map(view::row).collect(), next }))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc { id: "listWorkflows", tag: "workflows", summary: "List workflows by name", errors: &[] };
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
