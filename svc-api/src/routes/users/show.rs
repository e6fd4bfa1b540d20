//! `GET /api/v1/users/{user}`: one user.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::access::UserView;

use super::view::tagged;
use crate::app::App;
use crate::extract::Params;
use crate::openapi::{self, Doc};
use crate::problem::Outcome;
use crate::routes::place::OfUser;

/// Shows a user.
pub(crate) async fn show(
    State(app): State<App>,
    Params(OfUser { user }): Params<OfUser>,
) -> Outcome<Response> {
    let person = app.access.users.expect(&user).await?;
    Ok(tagged(&app, person))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let errors = &[ErrorCode::AuthForbidden, ErrorCode::UserNotFound, ErrorCode::RecordsUnavailable];
    let doc = Doc { id: "showUser", tag: "users", summary: "Show a user", errors };
    let operation =
        operation.response_with::<200, Json<UserView>, _>(|answer| answer.description("The user."));
    openapi::describe(operation, &doc, &[])
}
