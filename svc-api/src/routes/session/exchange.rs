//! `GET /session?code=…`: a one-time code for a cookie.

use aide::transform::TransformOperation;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use emboflow_model::access::User;
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
    match opening(&headers) {
        Opening::Itself => {}
        Opening::ByForeignPage => return Ok(ask(&query.code)),
        Opening::Unseen => {
            let detail = "a sign-in link is opened in a window of its own, by a person";
            return Err(Failure::new(ErrorCode::AuthForbidden, detail));
        }
    }
    if app.access.installation.exchange(&query.code) {
        let cookie = signed_in(&app, None, true, &client, &headers).await?;
        return Ok(noted(to_page(Some(cookie)), "local", None));
    }
    if let Some(user) = user_of_link(&app, &query.code).await? {
        let cookie = signed_in(&app, Some(&user), true, &client, &headers).await?;
        return Ok(noted(to_page(Some(cookie)), &format!("user:{}", user.name), None));
    }
    if app.access.sessions.of(&client, &headers, true).await?.is_some() {
        return Ok(to_page(None));
    }
    let accepts = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let response = if accepts.is_some_and(|accept| accept.contains("text/html")) {
        html(StatusCode::UNAUTHORIZED, USED.to_owned())
    } else {
        let detail = "the code is not one that was given out, has been used, or has ended";
        Failure::new(ErrorCode::AuthCodeInvalid, detail)
            .with_hint("start `emboflow up` again for a new link, or ask an administrator for one")
            .into_response()
    };
    Ok(noted(response, "nobody", None))
}

/// How a browser came to open the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opening {
    /// The person opened it, or something that is no browser did.
    Itself,
    /// A page of another site sent the browser here: its person may not have wanted to be somebody else.
    ByForeignPage,
    /// As an image, in a frame, by a script, or ahead of time: nobody has seen it.
    Unseen,
}

fn opening(headers: &HeaderMap) -> Opening {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_ahead = text("sec-purpose").is_some_and(|purpose| purpose.contains("prefetch"));
    if is_ahead || text("sec-fetch-dest").is_some_and(|dest| dest != "document") {
        return Opening::Unseen;
    }
    match text("sec-fetch-site") {
        None | Some("none" | "same-origin") => Opening::Itself,
        Some(_) => Opening::ByForeignPage,
    }
}

/// Asks whether the person wants to sign in: the same link, which then comes from this page.
fn ask(code: &str) -> Response {
    let code: String = form_urlencoded::byte_serialize(code.as_bytes()).collect();
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>EmboFlow</title><h1>Sign in to EmboFlow?</h1>\
         <p>Another site has sent you here with a sign-in link. Go on only if it was given to you: everything that you \
         do then is done as its user.</p><p><a href=\"session?code={code}\">Sign in with this link</a></p>"
    );
    html(StatusCode::OK, page)
}

fn html(status: StatusCode, page: String) -> Response {
    let policy =
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; base-uri 'none'; frame-ancestors 'none'");
    let kind = (header::CONTENT_TYPE, "text/html; charset=utf-8");
    let keep = (header::CACHE_CONTROL, "no-store");
    (status, [policy, kind, keep], page).into_response()
}

/// Whom the code signs in, if it is a link's.
async fn user_of_link(app: &App, code: &str) -> Outcome<Option<User>> {
    let Some(user) = app.access.links.exchange(code).await? else { return Ok(None) };
    Ok(app.access.users.enabled(&user).await?.map(|person| person.user.body))
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
        ErrorCode::AuthSignInFailed,
        ErrorCode::AuthForbidden,
        ErrorCode::RecordsUnavailable,
        ErrorCode::Internal,
    ];
    openapi::fails(operation, &errors)
}
