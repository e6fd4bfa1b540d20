//! `GET …/secrets/{secret}`: who changed a secret, and when.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::secret::SecretView;

use crate::app::App;
use crate::extract::Params;
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::problem::Outcome;
use crate::routes::place::OfSecret;

/// Shows a secret without its value.
pub(crate) async fn show(
    State(app): State<App>,
    Params(OfSecret { project, secret }): Params<OfSecret>,
) -> Outcome<Json<SecretView>> {
    app.secrets.get(&project, &secret).await.map(Json)
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "showSecret",
        tag: "secrets",
        summary: "Show a secret without its value",
        errors: &[ErrorCode::SecretNotFound, ErrorCode::AuthForbidden],
    };
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
