//! `GET /api/v1/system/health`: how well every part of the installation is.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_protocol::health::HealthView;

use crate::access::By;
use crate::app::App;
use crate::openapi::{self, Doc};
use crate::watch::outline;

/// Asks every service, and shows the tree.
pub(crate) async fn health(State(app): State<App>, By(caller): By) -> Json<HealthView> {
    let view = app.watch.look(&app).await;
    Json(if caller.is_platform_admin() { view } else { outline::health(view) })
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "showHealth",
        tag: "system",
        summary: "Show how well every part of the installation is",
        errors: &[],
    };
    let operation = operation.description(
        "Asks every service, which takes some seconds when one of them does not answer. The answer is 200 also when \
         parts have failed: `status` tells. What was found, and where, is told to administrators of the platform.",
    );
    openapi::describe(operation, &doc, &[])
}
