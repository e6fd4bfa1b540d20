//! `GET /session?code=…`: a one-time code for a cookie.

use aide::transform::TransformOperation;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use emboflow_model::access::UserName;
use emboflow_protocol::ErrorCode;
use schemars::JsonSchema;
use serde::Deserialize;

use super::cookie::{noted, signed_in};
use crate::access::Client;
use crate::app::App;
use crate::extract::Search;
use crate::openapi;
use crate::problem::{Failure, Outcome};

/// The query of the sign-in link.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct CodeQuery {
    /// The one-time code.
    code: String,
}

const USED: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>EmboFlow</title>\
    <h1>This sign-in link does not work</h1><p>A link is good for one browser and for a day. Start \
    <code>emboflow up</code> again for a new one, ask an administrator, or <a href=\"./\">open the page</a> and sign \
    in.</p>";

/// Signs the browser in and sends it to the page.
pub(crate) async fn exchange(
    State(app): State<App>,
    client: Client,
    method: Method,
    headers: HeaderMap,
    Search(query): Search<CodeQuery>,
) -> Outcome<Response> {
    // Whoever only looks at a link does not use it up.
    if method == Method::HEAD {
        return Ok(to_page(None));
    }
    if app.access.installation.exchange(&query.code) {
        let cookie = signed_in(&app, None, true, &client, &headers).await?;
        return Ok(noted(to_page(Some(cookie)), "local", None));
    }
    if let Some(user) = user_of_link(&app, &query.code).await? {
        let cookie = signed_in(&app, Some(&user), true, &client, &headers).await?;
        return Ok(noted(to_page(Some(cookie)), &format!("user:{user}"), None));
    }
    if app.access.sessions.of(&client, &headers, true).await?.is_some() {
        return Ok(to_page(None));
    }
    let accepts = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let response = if accepts.is_some_and(|accept| accept.contains("text/html")) {
        let policy = (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
        let kind = (header::CONTENT_TYPE, "text/html; charset=utf-8");
        let keep = (header::CACHE_CONTROL, "no-store");
        (StatusCode::UNAUTHORIZED, [policy, kind, keep], USED).into_response()
    } else {
        let detail = "the code is not one that was given out, has been used, or has ended";
        Failure::new(ErrorCode::AuthCodeInvalid, detail)
            .with_hint("start `emboflow up` again for a new link, or ask an administrator for one")
            .into_response()
    };
    Ok(noted(response, "nobody", None))
}

/// Whom the code signs in, if it is a link's.
async fn user_of_link(app: &App, code: &str) -> Outcome<Option<UserName>> {
    let Some(user) = app.access.links.exchange(code).await? else { return Ok(None) };
    Ok(app.access.users.enabled(&user).await?.map(|_| user))
}

fn to_page(cookie: Option<HeaderValue>) -> Response {
    // Relative: a proxy may have put the page into a folder.
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, "./")]).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(cookie) = cookie {
        headers.insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let operation = openapi::open(operation)
        .id("exchangeCode")
        .tag("session")
        .summary("Exchange a one-time code for a cookie");
    let operation = openapi::answers(operation, 303, "", "Signed in: on to the page.");
    let errors = [
        ErrorCode::RequestInvalid,
        ErrorCode::AuthCodeInvalid,
        ErrorCode::RecordsUnavailable,
        ErrorCode::Internal,
    ];
    openapi::fails(operation, &errors)
}
