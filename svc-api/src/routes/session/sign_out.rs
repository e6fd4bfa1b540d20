//! `DELETE /session`: ends the session.

use aide::transform::TransformOperation;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use emboflow_protocol::ErrorCode;

use super::cookie::noted;
use crate::access::{Client, check_no_foreign_page};
use crate::app::App;
use crate::openapi;
use crate::problem::Outcome;

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// Signs the browser out: the cookie is forgotten here and there.
pub(crate) async fn sign_out(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
) -> Outcome<Response> {
    check_no_foreign_page(&app, &headers, &client)?;
    let session = app.access.sessions.of(&client, &headers, false).await?;
    if let Some(session) = &session {
        app.access.sessions.end(session).await?;
    }
    let cookie = app.access.sessions.forgotten(&client)?;
    let mut response = (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response();
    // Answers that were kept to be asked for again are of the one who leaves.
    response.headers_mut().insert(CLEAR_SITE_DATA, HeaderValue::from_static("\"cache\""));
    let who = match session.map(|session| session.user) {
        None => "nobody".to_owned(),
        Some(None) => "local".to_owned(),
        Some(Some(user)) => format!("user:{user}"),
    };
    Ok(noted(response, &who, None))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let operation = openapi::open(operation).id("signOut").tag("session").summary("End the session");
    let operation = openapi::answers(operation, 204, "", "Signed out.");
    let errors = [ErrorCode::AuthForbidden, ErrorCode::RecordsUnavailable, ErrorCode::Internal];
    openapi::fails(operation, &errors)
}
