//! `POST /session`: the token for a cookie, for a browser without a sign-in link.

use aide::transform::TransformOperation;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use emboflow_protocol::ErrorCode;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::app::App;
use crate::extract::Body;
use crate::openapi::{self, WITH_BODY};
use crate::problem::{Failure, Outcome};

/// Body of a sign-in.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignInBody {
    /// The token of the installation.
    token: String,
}

/// Signs the browser in.
pub(crate) async fn sign_in(
    State(app): State<App>,
    headers: HeaderMap,
    Body { value, .. }: Body<SignInBody>,
) -> Outcome<Response> {
    if !app.sign_in.is_token(value.token.trim()) {
        return Err(Failure::new(ErrorCode::AuthRequired, "the token is not this installation's"));
    }
    let cookie = app.sign_in.session_cookie(&headers)?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let operation =
        openapi::open(operation).id("signIn").tag("session").summary("Exchange the token for a cookie");
    let operation = openapi::answers(operation, 204, "", "Signed in.");
    openapi::fails(operation, WITH_BODY.iter().chain(&[ErrorCode::AuthRequired, ErrorCode::Internal]))
}
