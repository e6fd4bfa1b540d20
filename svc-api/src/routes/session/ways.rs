//! `GET /session/ways`: how a browser can sign in here.

use aide::transform::TransformOperation;
use axum::Json;
use emboflow_protocol::http::access::SignInWays;

use crate::openapi;

/// Shows the ways.
pub(crate) async fn ways() -> Json<SignInWays> {
    Json(SignInWays { password: true, token: true, provider: None })
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    openapi::open(operation).id("showSignInWays").tag("session").summary("Show how a browser can sign in")
}
