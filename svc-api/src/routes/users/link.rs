//! `POST /api/v1/users/{user}/link`: a link that signs a user in once, who may then choose a password.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use emboflow_model::access::UserName;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::access::OneTimeLink;

use crate::app::App;
use crate::extract::Params;
use crate::openapi::{self, Doc, WRITES};
use crate::problem::Outcome;
use crate::routes::place::OfUser;

/// Makes the link; the one before is no longer good.
pub(crate) async fn make(
    State(app): State<App>,
    Params(OfUser { user }): Params<OfUser>,
) -> Outcome<(StatusCode, Json<OneTimeLink>)> {
    app.access.users.expect(&user).await?;
    Ok((StatusCode::CREATED, Json(new_link(&app, &user).await?)))
}

/// A new link for a user that is there.
pub(super) async fn new_link(app: &App, user: &UserName) -> Outcome<OneTimeLink> {
    let (code, expires_at) = app.access.links.make(user).await?;
    let code: String = form_urlencoded::byte_serialize(code.as_bytes()).collect();
    Ok(OneTimeLink { link: format!("session?code={code}"), expires_at })
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "makeSignInLink",
        tag: "users",
        summary: "Make a link that signs a user in once",
        errors: &[ErrorCode::UserNotFound, ErrorCode::RecordsUnavailable],
    };
    let operation = operation
        .response_with::<201, Json<OneTimeLink>, _>(|answer| answer.description("The link; good for a day."));
    openapi::describe(operation, &doc, &[WRITES])
}
