//! `GET /api/v1/me`: who asks, and what they may.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_model::access::Who;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::access::{CallerKind, MeView, Membership};

use crate::access::BySession;
use crate::app::App;
use crate::openapi::{self, Doc};
use crate::problem::Outcome;

/// Shows the caller.
pub(crate) async fn show(
    State(app): State<App>,
    BySession(caller, session): BySession,
) -> Outcome<Json<MeView>> {
    let role = |project: &emboflow_model::ProjectName| caller.role_in(project);
    let all = app.access.projects.all();
    let projects =
        all.keys().filter_map(|project| Some(Membership { project: project.clone(), role: role(project)? }));
    let user = match caller.user_name() {
        Some(name) => app.access.users.get(name).await?.map(|person| person.user.body),
        None => None,
    };
    let (kind, name, key) = match &caller.who {
        Who::User(name) => (CallerKind::User, Some(name.to_string()), None),
        Who::Key { owner, id } => (CallerKind::Key, Some(owner.to_string()), Some(id.clone())),
        Who::Service(name) => (CallerKind::Service, Some(name.to_string()), None),
        Who::Local => (CallerKind::Local, None, None),
    };
    Ok(Json(MeView {
        kind,
        name,
        display: user.as_ref().and_then(|user| user.display.clone()),
        platform_admin: caller.is_platform_admin(),
        projects: projects.collect(),
        by_link: session.as_ref().is_some_and(|session| session.by_link),
        session: session.map(|session| session.id),
        key,
        has_password: user.is_some_and(|user| user.password.is_some()),
    }))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let errors = &[ErrorCode::RecordsUnavailable];
    let doc = Doc { id: "showMe", tag: "users", summary: "Show who asks, and what they may", errors };
    openapi::describe(operation, &doc, &[])
}
