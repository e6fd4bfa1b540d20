//! `GET …/members`: who has a binding that is about the project.

use aide::transform::TransformOperation;
use axum::extract::State;
use emboflow_protocol::http::Page;
use emboflow_protocol::http::access::MemberView;

use crate::app::App;
use crate::extract::Params;
use crate::openapi::{self, Doc, IN_PROJECT, WRITES};
use crate::paged::Paged;
use crate::problem::Outcome;
use crate::routes::place::InProject;

/// Lists members by name. Administrators of the platform are members of no project by that alone.
pub(crate) async fn list(
    State(app): State<App>,
    Params(InProject { project }): Params<InProject>,
) -> Outcome<Paged<MemberView>> {
    let people = app.access.users.all().await?;
    let bindings = people.into_iter().flat_map(|person| {
        let user = person.user.body;
        user.bindings.into_iter().map(move |binding| (user.name.clone(), binding))
    });
    let here = bindings.filter(|(_, binding)| binding.project.contains(&project));
    let items = here.map(|(user, binding)| MemberView { user, role: binding.role, scope: binding.project });
    Ok(Paged(Page { items: items.collect(), next: None }))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc =
        Doc { id: "listMembers", tag: "projects", summary: "List who belongs to a project", errors: &[] };
    openapi::describe(operation, &doc, &[IN_PROJECT, WRITES])
}
