//! `GET /api/v1/projects/{project}/usage`: how much a project stores.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::access::ProjectUsage;

use crate::app::App;
use crate::extract::Params;
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::problem::Outcome;
use crate::routes::place::InProject;

/// Has the gateway count, or say what it counted last.
pub(crate) async fn usage(
    State(app): State<App>,
    Params(InProject { project }): Params<InProject>,
) -> Outcome<Json<ProjectUsage>> {
    let quota = app.access.projects.all().get(&project).and_then(|project| project.quotas.stored_bytes);
    let counted = app.objects.usage(&project).await?;
    Ok(Json(ProjectUsage {
        stored_bytes: counted.size_bytes,
        objects: counted.objects,
        complete: counted.complete,
        age_ms: counted.age_ms.unwrap_or(0),
        quota,
    }))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "showProjectUsage",
        tag: "projects",
        summary: "Show how much a project stores",
        errors: &[ErrorCode::StorageUnavailable],
    };
    let operation = operation.response_with::<200, Json<ProjectUsage>, _>(|answer| {
        answer.description("As it was counted last: at most ten minutes ago, unless that is set otherwise.")
    });
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
