//! `GET …/workflows/{workflow}`: a workflow with its text.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::WorkflowView;
use schemars::JsonSchema;
use serde::Deserialize;

use super::view;
use crate::app::App;
use crate::extract::{Params, Search};
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::problem::{Failure, Outcome};
use crate::routes::place::OfWorkflow;

/// Which version.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VersionQuery {
    /// Number of the version; the newest by default.
    #[schemars(range(min = 1, max = 4_294_967_295_u32))]
    version: Option<u32>,
}

/// Shows a workflow.
pub(crate) async fn show(
    State(app): State<App>,
    Params(OfWorkflow { project, workflow }): Params<OfWorkflow>,
    Search(query): Search<VersionQuery>,
) -> Outcome<Json<WorkflowView>> {
    let found = app.records.workflow(&project, &workflow, query.version).await?;
    let found = found.ok_or_else(|| {
        let version = query.version.map(|version| format!(" version {version} of")).unwrap_or_default();
        Failure::new(
            ErrorCode::WorkflowNotFound,
            format!("project '{project}' has no{version} workflow '{workflow}'"),
        )
    })?;
    Ok(Json(view::full(found)))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let errors = &[ErrorCode::WorkflowNotFound];
    let doc = Doc { id: "showWorkflow", tag: "workflows", summary: "Show a workflow with its file", errors };
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
