//! `GET …/runs/counts`: runs by state.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_protocol::http::RunCounts;

use crate::app::App;
use crate::extract::Params;
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::problem::Outcome;
use crate::routes::place::InProject;

/// Counts runs.
pub(crate) async fn counts(
    State(app): State<App>,
    Params(InProject { project }): Params<InProject>,
) -> Outcome<Json<RunCounts>> {
    Ok(Json(RunCounts { by_state: app.records.run_counts(&project).await? }))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc { id: "countRuns", tag: "runs", summary: "Count a project's runs by state", errors: &[] };
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
