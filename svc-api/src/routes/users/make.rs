//! `POST /api/v1/users`: a new user.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use emboflow_model::access::User;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::access::{NewUser, UserMade};

use super::link::new_link;
use super::powers;
use super::view::view;
use crate::access::{By, password};
use crate::app::{App, now};
use crate::extract::Body;
use crate::openapi::{self, Doc, WITH_BODY, WRITES};
use crate::problem::Outcome;

/// Makes a user; without a password it gets a link with which it chooses one.
pub(crate) async fn make(
    State(app): State<App>,
    By(caller): By,
    Body { value, .. }: Body<NewUser>,
) -> Outcome<(StatusCode, Json<UserMade>)> {
    powers::check(&app, &caller, &value.powers)?;
    let has_password = value.password.is_some();
    let password = match value.password {
        Some(password) => {
            let known = [value.name.as_str(), value.display.as_deref().unwrap_or_default()];
            password::check_strength(&password, &known)?;
            Some(password::hash(password).await?)
        }
        None => None,
    };
    let name = value.name;
    let user = User {
        name: name.clone(),
        display: display(value.display),
        email: None,
        password,
        identities: Vec::new(),
        bindings: value.powers.bindings,
        disabled: false,
        created_at: now(),
        last_sign_in_at: None,
    };
    app.access.users.make(&user, value.powers.platform_admin).await?;
    let link = if has_password { None } else { Some(new_link(&app, &name).await?) };
    let person = app.access.users.expect(&name).await?;
    Ok((StatusCode::CREATED, Json(UserMade { user: view(&app, person), link })))
}

/// An empty one is none; cut to 100 characters.
pub(super) fn display(text: Option<String>) -> Option<String> {
    let text = text.map(|text| text.trim().chars().take(100).collect::<String>());
    text.filter(|text| !text.is_empty())
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "makeUser",
        tag: "users",
        summary: "Make a user",
        errors: &[ErrorCode::UserExists, ErrorCode::AuthPasswordWeak, ErrorCode::RecordsUnavailable],
    };
    let operation = operation.response_with::<201, Json<UserMade>, _>(|answer| {
        answer.description("The user, and without a password a link with which it chooses one.")
    });
    openapi::describe(operation, &doc, &[WITH_BODY, WRITES])
}
