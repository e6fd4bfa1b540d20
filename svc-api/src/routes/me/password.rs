//! `POST /api/v1/me/password`: chooses a password.

use aide::transform::TransformOperation;
use axum::extract::State;
use axum::http::StatusCode;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::access::PasswordBody;

use crate::access::{BySession, Client, password};
use crate::app::{App, now};
use crate::extract::Body;
use crate::openapi::{self, Doc, WITH_BODY, WRITES};
use crate::problem::{Failure, Outcome};

/// Chooses a password, and ends every other session: whoever knew the old one is out.
pub(crate) async fn change(
    State(app): State<App>,
    caller: BySession,
    client: Client,
    Body { value, .. }: Body<PasswordBody>,
) -> Outcome<StatusCode> {
    let name = caller.user()?.clone();
    let user = app.access.users.expect(&name).await?.user.body;
    // A link takes the place of the password that nobody knows any more.
    let by_link = caller.1.as_ref().is_some_and(|session| session.by_link);
    if user.password.is_none() && !user.identities.is_empty() && !by_link {
        // It would outlive the account there.
        let detail = "your account is the identity provider's, and has no password here";
        return Err(Failure::new(ErrorCode::AuthForbidden, detail).with_hint(
            "sign in at the provider; an administrator can give you a link with which you choose a password",
        ));
    }
    if let Some(hash) = user.password.clone().filter(|_| !by_link) {
        let account = name.as_str();
        if app.access.lockout.locked_until(account, client.address, now()).is_some() {
            return Err(Failure::new(ErrorCode::AuthLocked, "too many wrong passwords; try again later"));
        }
        app.access.lockout.count(account, client.address, now());
        if !password::verify(value.current.unwrap_or_default(), Some(hash)).await? {
            let detail = "`current` is not the password of until now";
            return Err(Failure::new(ErrorCode::AuthForbidden, detail));
        }
        app.access.lockout.right(account, client.address, now());
    }
    let known = [name.as_str(), user.display.as_deref().unwrap_or_default()];
    password::check_strength(&value.password, &known)?;
    let hash = password::hash(value.password).await?;
    app.access
        .users
        .change(&name, |user| {
            user.body.password = Some(hash.clone());
            Ok(())
        })
        .await?;
    app.access.links.revoke(&name).await?;
    app.access.sessions.end_all_of(&name, caller.1.as_ref()).await?;
    if let Some(session) = caller.1.as_ref().filter(|session| session.by_link) {
        app.access.sessions.forget_link(session).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "changePassword",
        tag: "users",
        summary: "Choose a password; ends the other sessions",
        errors: &[
            ErrorCode::AuthPasswordWeak,
            ErrorCode::AuthLocked,
            ErrorCode::UserNotFound,
            ErrorCode::RecordsUnavailable,
        ],
    };
    let operation = openapi::answers(operation, 204, "", "Changed.");
    openapi::describe(operation, &doc, &[WITH_BODY, WRITES])
}
