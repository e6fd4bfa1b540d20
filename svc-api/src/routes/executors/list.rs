//! `GET /api/v1/executors`: who carries out attempts.

use aide::transform::TransformOperation;
use axum::extract::State;
use emboflow_protocol::http::{ExecutorView, Page};

use crate::app::App;
use crate::openapi::{self, Doc};
use crate::paged::Paged;

/// Lists executors by id.
pub(crate) async fn list(State(app): State<App>) -> Paged<ExecutorView> {
    Paged(Page { items: app.executors.all(), next: None })
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc =
        Doc { id: "listExecutors", tag: "executors", summary: "List executors, online or not", errors: &[] };
    openapi::describe(operation, &doc, &[])
}
