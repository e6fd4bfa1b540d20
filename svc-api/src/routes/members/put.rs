//! `PUT …/members/{user}`: what somebody is in the project.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_model::access::{Binding, MAX_BINDINGS, ProjectScope, Standing};
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::access::{MemberBody, MemberView};

use crate::access::By;
use crate::app::App;
use crate::extract::{Body, Params};
use crate::openapi::{self, Doc, IN_PROJECT, WITH_BODY, WRITES};
use crate::problem::{Failure, Outcome};
use crate::routes::place::OfMember;

/// Gives a user a role in the project, in place of the one before.
pub(crate) async fn put(
    State(app): State<App>,
    By(caller): By,
    Params(OfMember { project, user: name }): Params<OfMember>,
    Body { value, .. }: Body<MemberBody>,
) -> Outcome<Json<MemberView>> {
    // A denial wins over everything: the project would be gone for those who answer for it.
    if value.role == Standing::Denied
        && !caller.is_platform_admin()
        && app.access.users.admins().await?.names.contains(&name)
    {
        let detail =
            format!("'{name}' is an administrator of the platform: only another one may deny them a project");
        return Err(Failure::new(ErrorCode::AuthForbidden, detail));
    }
    let scope = ProjectScope::One(project);
    app.access
        .users
        .change(&name, |user| {
            let bindings = &mut user.body.bindings;
            bindings.retain(|binding| binding.project != scope);
            if bindings.len() >= MAX_BINDINGS {
                let detail = format!("'{name}' has {MAX_BINDINGS} roles already");
                return Err(Failure::new(ErrorCode::RequestInvalid, detail));
            }
            bindings.push(Binding { project: scope.clone(), role: value.role });
            Ok(())
        })
        .await?;
    Ok(Json(MemberView { user: name, role: value.role, scope }))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let errors = &[ErrorCode::UserNotFound, ErrorCode::RequestPrecondition];
    let doc = Doc { id: "putMember", tag: "projects", summary: "Give a user a role in a project", errors };
    openapi::describe(operation, &doc, &[IN_PROJECT, WITH_BODY, WRITES])
}
