//! `GET …/runs/{run}/source`: the workflow file of a run, verbatim.

use aide::transform::TransformOperation;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use emboflow_model::run::accepted;
use emboflow_protocol::ErrorCode;

use crate::app::App;
use crate::extract::Params;
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::problem::{Failure, Outcome};
use crate::routes::place::OfRun;

/// Shows the file.
pub(crate) async fn source(
    State(app): State<App>,
    Params(OfRun { project, run }): Params<OfRun>,
) -> Outcome<Response> {
    app.run(&project, run).await?;
    let first = app.records.history(run, 0, 1).await?;
    let accepted = first.first().and_then(accepted).ok_or_else(|| {
        Failure::behind(
            ErrorCode::Internal,
            format!("the history of {run} does not begin with its acceptance"),
        )
    })?;
    let kind = (header::CONTENT_TYPE, "text/plain; charset=utf-8");
    Ok(([kind], accepted.source.to_string()).into_response())
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let errors = &[ErrorCode::RunNotFound];
    let doc = Doc {
        id: "showRunSource",
        tag: "runs",
        summary: "Show the workflow file that a run was made from",
        errors,
    };
    let operation = openapi::answers(operation, 200, "text/plain", "The file, verbatim.");
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
