//! `GET …/runs/{run}`: one run as it is now.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_model::RunSummary;
use emboflow_protocol::ErrorCode;

use crate::app::App;
use crate::extract::Params;
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::problem::Outcome;
use crate::routes::place::OfRun;

/// Shows a run.
pub(crate) async fn show(
    State(app): State<App>,
    Params(OfRun { project, run }): Params<OfRun>,
) -> Outcome<Json<RunSummary>> {
    app.run(&project, run).await.map(Json)
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc { id: "showRun", tag: "runs", summary: "Show a run", errors: &[ErrorCode::RunNotFound] };
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
