//! `POST /api/v1/projects`: a new project.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::access::{NewProject, ProjectView};

use super::view::{description, tagged};
use crate::access::By;
use crate::app::App;
use crate::extract::Body;
use crate::openapi::{self, Doc, WITH_BODY, WRITES};
use crate::problem::Outcome;

/// Makes a project.
pub(crate) async fn make(
    State(app): State<App>,
    By(caller): By,
    Body { value, .. }: Body<NewProject>,
) -> Outcome<Response> {
    let NewProject { name, description: text, quotas } = value;
    let project = app.access.projects.make(&name, description(text), quotas).await?;
    Ok((StatusCode::CREATED, tagged(&caller, project)).into_response())
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "makeProject",
        tag: "projects",
        summary: "Make a project",
        errors: &[ErrorCode::ProjectExists, ErrorCode::RecordsUnavailable],
    };
    let operation =
        operation.response_with::<201, Json<ProjectView>, _>(|answer| answer.description("The project."));
    openapi::describe(operation, &doc, &[WITH_BODY, WRITES])
}
