//! `GET /session?code=…`: the page's one-time code for a cookie.

use aide::transform::TransformOperation;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use emboflow_protocol::ErrorCode;
use schemars::JsonSchema;
use serde::Deserialize;

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
    <h1>This sign-in link does not work</h1><p>A link is good for one browser. \
    Start <code>emboflow up</code> again for a new one, or <a href=\"./\">open the page</a> and sign in with the token.</p>";

/// Signs the browser in and sends it to the page.
pub(crate) async fn exchange(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
    Search(query): Search<CodeQuery>,
) -> Outcome<Response> {
    // Whoever only looks at a link does not use it up.
    if method == Method::HEAD {
        return Ok(to_page(None));
    }
    if app.sign_in.exchange(&query.code) {
        let cookie = app.sign_in.session_cookie(&headers)?;
        return Ok(to_page(Some(cookie)));
    }
    if app.sign_in.has_session(&headers) {
        return Ok(to_page(None));
    }
    let is_browser = headers
        .get(header::ACCEPT)
        .is_some_and(|accept| accept.to_str().is_ok_and(|accept| accept.contains("text/html")));
    if is_browser {
        let policy = (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
        let kind = (header::CONTENT_TYPE, "text/html; charset=utf-8");
        let keep = (header::CACHE_CONTROL, "no-store");
        return Ok((StatusCode::UNAUTHORIZED, [policy, kind, keep], USED).into_response());
    }
    let detail = "the code is not the one that was given out, or it has been used";
    Err(Failure::new(ErrorCode::AuthCodeInvalid, detail)
        .with_hint("start `emboflow up` again for a new link"))
}

fn to_page(cookie: Option<String>) -> Response {
    // Relative: a proxy may have put the page into a folder.
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, "./")]).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::from_str(&cookie).ok()) {
        headers.insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let operation = openapi::open(operation)
        .id("exchangeCode")
        .tag("session")
        .summary("Exchange the one-time code for a cookie");
    let operation = openapi::answers(operation, 303, "", "Signed in: on to the page.");
    openapi::fails(operation, &[ErrorCode::RequestInvalid, ErrorCode::AuthCodeInvalid, ErrorCode::Internal])
}
