//! `DELETE /api/v1/users/{user}`: removes a user.

use aide::transform::TransformOperation;
use axum::extract::State;
use axum::http::StatusCode;
use emboflow_protocol::ErrorCode;

use crate::app::App;
use crate::extract::Params;
use crate::openapi::{self, Doc, WRITES};
use crate::problem::Outcome;
use crate::routes::place::OfUser;

/// Removes a user with keys, links and sessions. What the user did stays in the audit.
///
/// The user goes last: one with the same name, made later, must not be acted for by what was left over. Whatever stops
/// this half-way leaves a user who is kept out, and the same request again does the rest.
pub(crate) async fn remove(
    State(app): State<App>,
    Params(OfUser { user }): Params<OfUser>,
) -> Outcome<StatusCode> {
    let access = &app.access;
    // First what may be refused.
    access.users.set_admin(&user, false).await?;
    access
        .users
        .change(&user, |user| {
            user.body.disabled = true;
            Ok(())
        })
        .await?;
    access.links.revoke(&user).await?;
    access.sessions.end_all_of(&user, None).await?;
    access.keys.end_all_of(&user).await?;
    access.users.remove(&user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let errors = &[ErrorCode::UserNotFound, ErrorCode::UserLastAdmin, ErrorCode::RecordsUnavailable];
    let doc = Doc { id: "removeUser", tag: "users", summary: "Remove a user", errors };
    let operation = openapi::answers(operation, 204, "", "Removed.");
    openapi::describe(operation, &doc, &[WRITES])
}
