//! A project as it is shown.

use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use emboflow_model::access::{Caller, Project};
use emboflow_protocol::http::access::ProjectView;

use crate::access::shelf::Found;

/// With the caller's role in it.
pub(super) fn view(caller: &Caller, project: Project) -> ProjectView {
    ProjectView {
        role: caller.role_in(&project.name),
        name: project.name,
        description: project.description,
        quotas: project.quotas,
        created_at: Some(project.created_at),
    }
}

/// With the `ETag` that a change may name.
pub(super) fn tagged(caller: &Caller, project: Found<Project>) -> Response {
    let tag = project.tag();
    ([(header::ETAG, tag)], Json(view(caller, project.body))).into_response()
}

/// An empty description is none.
pub(super) fn description(text: Option<String>) -> Option<String> {
    let text = text.map(|text| text.trim().chars().take(1_000).collect::<String>());
    text.filter(|text| !text.is_empty())
}
