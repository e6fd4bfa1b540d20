//! `PATCH /api/v1/users/{user}`: changes a user.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::access::{UserChange, UserView};

use super::make::display;
use super::powers;
use super::view::tagged;
use crate::access::{By, password};
use crate::app::App;
use crate::conditional::Precondition;
use crate::extract::{Body, Params};
use crate::openapi::{self, Doc, WITH_BODY, WRITES};
use crate::problem::{Failure, Outcome};
use crate::routes::place::OfUser;

/// Changes what is given. A new password, and being kept out, end every session of the user.
pub(crate) async fn change(
    State(app): State<App>,
    By(caller): By,
    Params(OfUser { user: name }): Params<OfUser>,
    wanted: Precondition,
    Body { value, .. }: Body<UserChange>,
) -> Outcome<Response> {
    let users = &app.access.users;
    let before = users.expect(&name).await?;
    wanted.check(&format!("user '{name}'"), Some(&before.user.tag()))?;
    if let Some(powers) = &value.powers {
        powers::check(&app, &caller, powers)?;
    }
    if value.password.is_some() && !caller.is_person() {
        let detail = "a key or a service changes no password: with it, it would act as a person";
        return Err(Failure::new(ErrorCode::AuthForbidden, detail).with_hint("sign in as a person"));
    }
    let password = match value.password {
        Some(password) => {
            password::check_strength(&password, &[name.as_str()])?;
            Some(password::hash(password).await?)
        }
        None => None,
    };
    let is_out = value.disabled == Some(true);
    let stays_admin = value.powers.as_ref().map(|powers| powers.platform_admin);
    // First what may be refused: an administrator that is kept out is none any more.
    if before.platform_admin && (is_out || stays_admin == Some(false)) {
        users.set_admin(&name, false).await?;
    }
    users
        .change(&name, |user| {
            wanted.check(&format!("user '{name}'"), Some(&user.tag()))?;
            let user = &mut user.body;
            if let Some(text) = &value.display {
                user.display = display(Some(text.clone()));
            }
            if let Some(hash) = &password {
                user.password = Some(hash.clone());
            }
            if let Some(powers) = &value.powers {
                user.bindings.clone_from(&powers.bindings);
            }
            user.disabled = value.disabled.unwrap_or(user.disabled);
            Ok(())
        })
        .await?;
    if stays_admin == Some(true) && !is_out {
        users.set_admin(&name, true).await?;
    }
    if is_out || password.is_some() {
        app.access.links.revoke(&name).await?;
        app.access.sessions.end_all_of(&name, None).await?;
    }
    Ok(tagged(&app, users.expect(&name).await?))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "changeUser",
        tag: "users",
        summary: "Change a user",
        errors: &[
            ErrorCode::UserNotFound,
            ErrorCode::UserLastAdmin,
            ErrorCode::AuthPasswordWeak,
            ErrorCode::RequestPrecondition,
            ErrorCode::RecordsUnavailable,
        ],
    };
    let operation =
        operation.response_with::<200, Json<UserView>, _>(|answer| answer.description("As it is now."));
    openapi::describe(operation, &doc, &[WITH_BODY, WRITES])
}
