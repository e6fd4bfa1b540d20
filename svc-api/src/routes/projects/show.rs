//! `GET /api/v1/projects/{project}`: one project.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use emboflow_protocol::http::access::ProjectView;

use super::view::tagged;
use crate::access::By;
use crate::app::App;
use crate::extract::Params;
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::problem::Outcome;
use crate::routes::place::InProject;

/// Shows a project.
pub(crate) async fn show(
    State(app): State<App>,
    By(caller): By,
    Params(InProject { project }): Params<InProject>,
) -> Outcome<Response> {
    Ok(tagged(&caller, app.access.projects.get(&project).await?))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc { id: "showProject", tag: "projects", summary: "Show a project", errors: &[] };
    let operation =
        operation.response_with::<200, Json<ProjectView>, _>(|answer| answer.description("The project."));
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
