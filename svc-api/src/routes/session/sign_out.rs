//! `DELETE /session`: forgets the cookie.

use aide::transform::TransformOperation;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::openapi;

/// Signs the browser out.
pub(crate) async fn sign_out(State(app): State<App>, headers: HeaderMap) -> Response {
    let cookie = app.sign_in.ended_cookie(&headers);
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response()
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let operation = openapi::open(operation).id("signOut").tag("session").summary("Forget the cookie");
    openapi::answers(operation, 204, "", "Signed out.")
}
