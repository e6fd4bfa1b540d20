//! `POST …/workflows/validate`: what is wrong with a file, if anything.

use aide::transform::TransformOperation;
use axum::Json;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::WorkflowBody;
use schemars::JsonSchema;
use serde::Serialize;

use super::check;
use crate::extract::{Body, Params};
use crate::openapi::{self, Doc, WITH_BODY, WRITES};
use crate::problem::Outcome;
use crate::routes::place::InProject;

/// A file that passed every check.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ValidWorkflow {
    /// Name of the workflow.
    name: String,
    /// `sha256:` and the hex digest of the text.
    digest: String,
    /// Names of its tasks, each after all that it needs.
    tasks: Vec<String>,
}

/// Checks a file; the same code checks it when it is submitted.
pub(crate) async fn validate(
    _: Params<InProject>,
    Body { value, .. }: Body<WorkflowBody>,
) -> Outcome<Json<ValidWorkflow>> {
    let checked = check::check(value.source).await?;
    let tasks = checked.topological_order().to_vec();
    Ok(Json(ValidWorkflow { name: checked.name, digest: checked.digest, tasks }))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "validateWorkflow",
        tag: "workflows",
        summary: "Check a workflow file without keeping it",
        errors: &[ErrorCode::WorkflowInvalid, ErrorCode::ProjectNotFound],
    };
    openapi::describe(operation, &doc, &[WRITES, WITH_BODY])
}
