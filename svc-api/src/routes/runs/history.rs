//! `GET …/runs/{run}/history`: every decision on a run, in order.

use aide::transform::TransformOperation;
use axum::extract::State;
use emboflow_model::Transition;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::Page;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::app::App;
use crate::extract::{Params, Search};
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::paged::Paged;
use crate::problem::Outcome;
use crate::routes::limit::{limit, numeric_cursor};
use crate::routes::place::OfRun;

/// Query of a history.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HistoryQuery {
    /// Transitions a page, 1 to 500; 100 by default.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<u32>,
    /// Cursor of the page, from `next` of the one before.
    cursor: Option<String>,
}

/// Lists transitions.
pub(crate) async fn history(
    State(app): State<App>,
    Params(OfRun { project, run }): Params<OfRun>,
    Search(query): Search<HistoryQuery>,
) -> Outcome<Paged<Transition>> {
    let limit = limit(query.limit, 100, 500)?;
    let after = numeric_cursor(query.cursor.as_deref())?.unwrap_or(0);
    let version = app.run(&project, run).await?.version;
    let items = app.records.history(run, after, limit).await?;
    let next = items.last().filter(|last| last.number < version).map(|last| last.number.to_string());
    Ok(Paged(Page { items, next }))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let errors = &[ErrorCode::RunNotFound];
    let doc = Doc { id: "listRunHistory", tag: "runs", summary: "List every decision on a run", errors };
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
