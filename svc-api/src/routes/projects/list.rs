//! `GET /api/v1/projects`: those that the caller may know of.

use aide::transform::TransformOperation;
use axum::extract::State;
use emboflow_protocol::http::Page;
use emboflow_protocol::http::access::ProjectView;

use super::view::view;
use crate::access::By;
use crate::app::App;
use crate::extract::Search;
use crate::openapi::{self, Doc};
use crate::paged::Paged;
use crate::problem::Outcome;
use crate::routes::limit::{MOST, NameQuery, USUAL, limit};
use crate::routes::owned::page;

/// Lists projects by name.
pub(crate) async fn list(
    State(app): State<App>,
    By(caller): By,
    Search(query): Search<NameQuery>,
) -> Outcome<Paged<ProjectView>> {
    let limit = limit(query.limit, USUAL, MOST)?;
    let all = app.access.projects.all();
    let own = all.values().filter(|project| caller.sees(&project.name));
    let rows = own.map(|project| view(&caller, project.clone())).collect();
    let (items, next) = page(rows, |row: &ProjectView| row.name.as_str(), query.cursor.as_deref(), limit);
    Ok(Paged(Page { items, next }))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc { id: "listProjects", tag: "projects", summary: "List the caller's projects", errors: &[] };
    openapi::describe(operation, &doc, &[])
}
