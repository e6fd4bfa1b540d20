//! `GET /session/ways`: how a browser can sign in here.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_protocol::http::access::{ProviderWay, SignInWays};

use crate::app::App;
use crate::openapi;

/// Shows the ways.
pub(crate) async fn ways(State(app): State<App>) -> Json<SignInWays> {
    let provider =
        app.provider.as_ref().map(|provider| ProviderWay { label: provider.config().label.clone() });
    Json(SignInWays { password: true, token: true, provider })
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    openapi::open(operation).id("showSignInWays").tag("session").summary("Show how a browser can sign in")
}
