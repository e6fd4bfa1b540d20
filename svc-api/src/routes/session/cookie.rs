//! What every way to sign in ends with.

use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use emboflow_model::access::User;
use emboflow_protocol::ErrorCode;

use crate::access::{Client, Noted};
use crate::app::{App, now};
use crate::problem::{Failure, Outcome};

/// Begins a session, and ends the one that the browser had: it may be one that a stranger put there. `user` is who signs
/// in, as it was when that was found to be right.
///
/// # Errors
/// The user has meanwhile been kept out, removed, or given another password.
pub(crate) async fn signed_in(
    app: &App,
    user: Option<&User>,
    by_link: bool,
    client: &Client,
    headers: &HeaderMap,
) -> Outcome<HeaderValue> {
    if let Some(before) = app.access.sessions.of(client, headers, false).await? {
        app.access.sessions.end(&before).await?;
    }
    if let Some(user) = user {
        app.access
            .users
            .change(&user.name, |user| {
                user.body.last_sign_in_at = Some(now());
                Ok(())
            })
            .await?;
    }
    let name = user.map(|user| &user.name);
    let (session, cookie) = app.access.sessions.begin(name, by_link, client, headers).await?;
    let Some(user) = user else { return Ok(cookie) };
    // Whoever changed the password since has ended all sessions that there were: this one may have come after that.
    let now = app.access.users.enabled(&user.name).await?.map(|person| person.user.body);
    if now.is_some_and(|now| now.password == user.password && now.created_at == user.created_at) {
        return Ok(cookie);
    }
    app.access.sessions.end(&session).await?;
    let detail = "the user has been changed meanwhile; sign in again";
    Err(Failure::new(ErrorCode::AuthSignInFailed, detail))
}

/// Says for the audit who signed in, or what was tried.
pub(crate) fn noted(mut response: Response, who: &str, what: Option<&str>) -> Response {
    response.extensions_mut().insert(Noted { who: who.to_owned(), what: what.map(str::to_owned) });
    response
}
