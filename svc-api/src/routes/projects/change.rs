//! `PATCH /api/v1/projects/{project}`: changes a project.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::access::{ProjectChange, ProjectView};

use super::view::{description, tagged};
use crate::access::By;
use crate::app::App;
use crate::conditional::Precondition;
use crate::extract::{Body, Params};
use crate::openapi::{self, Doc, IN_PROJECT, WITH_BODY, WRITES};
use crate::problem::{Failure, Outcome};
use crate::routes::place::InProject;

/// Changes what is given. What a project may use is for administrators of the platform to say.
pub(crate) async fn change(
    State(app): State<App>,
    By(caller): By,
    Params(InProject { project: name }): Params<InProject>,
    wanted: Precondition,
    Body { value, .. }: Body<ProjectChange>,
) -> Outcome<Response> {
    if value.quotas.is_some() && !caller.is_platform_admin() {
        let detail = "quotas are set by administrators of the platform";
        return Err(Failure::new(ErrorCode::AuthForbidden, detail));
    }
    let change = app.access.projects.change(&name, |project| {
        wanted.check(&format!("project '{name}'"), Some(&project.tag()))?;
        if let Some(text) = &value.description {
            project.body.description = description(Some(text.clone()));
        }
        if let Some(quotas) = &value.quotas {
            project.body.quotas = quotas.clone();
        }
        Ok(())
    });
    Ok(tagged(&caller, change.await?))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let errors = &[ErrorCode::RequestPrecondition];
    let doc = Doc { id: "changeProject", tag: "projects", summary: "Change a project", errors };
    let operation =
        operation.response_with::<200, Json<ProjectView>, _>(|answer| answer.description("As it is now."));
    openapi::describe(operation, &doc, &[IN_PROJECT, WITH_BODY, WRITES])
}
