//! `DELETE …/members/{user}`: takes the role in the project away.

use aide::transform::TransformOperation;
use axum::extract::State;
use axum::http::StatusCode;
use emboflow_model::access::ProjectScope;
use emboflow_protocol::ErrorCode;

use crate::app::App;
use crate::extract::Params;
use crate::openapi::{self, Doc, IN_PROJECT, WRITES};
use crate::problem::Outcome;
use crate::routes::place::OfMember;

/// Takes away what a user was given in this project alone.
pub(crate) async fn remove(
    State(app): State<App>,
    Params(OfMember { project, user }): Params<OfMember>,
) -> Outcome<StatusCode> {
    let scope = ProjectScope::One(project);
    app.access
        .users
        .change(&user, |user| {
            user.body.bindings.retain(|binding| binding.project != scope);
            Ok(())
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let errors = &[ErrorCode::UserNotFound, ErrorCode::RequestPrecondition];
    let doc =
        Doc { id: "removeMember", tag: "projects", summary: "Take a user's role in a project away", errors };
    let operation = openapi::answers(operation, 204, "", "Taken away.");
    openapi::describe(operation, &doc, &[IN_PROJECT, WRITES])
}
