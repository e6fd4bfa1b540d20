//! What every way to sign in ends with.

use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use emboflow_model::access::UserName;

use crate::access::{Client, Noted};
use crate::app::{App, now};
use crate::problem::Outcome;

/// Begins a session, and ends the one that the browser had: it may be one that a stranger put there.
pub(crate) async fn signed_in(
    app: &App,
    user: Option<&UserName>,
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
            .change(user, |user| {
                user.body.last_sign_in_at = Some(now());
                Ok(())
            })
            .await?;
    }
    app.access.sessions.begin(user, by_link, client, headers).await
}

/// Says for the audit who signed in, or what was tried.
pub(crate) fn noted(mut response: Response, who: &str, what: Option<&str>) -> Response {
    response.extensions_mut().insert(Noted { who: who.to_owned(), what: what.map(str::to_owned) });
    response
}
