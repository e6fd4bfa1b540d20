//! `GET /api/v1/executors`: who carries out attempts.

use aide::transform::TransformOperation;
use axum::extract::State;
use emboflow_protocol::http::{ExecutorView, Page};

use crate::access::By;
use crate::app::App;
use crate::live::executors::without_attempts;
use crate::openapi::{self, Doc};
use crate::paged::Paged;

/// Lists executors by id.
/// Which attempts they hold is told to administrators of the platform: they are those of every project.
pub(crate) async fn list(State(app): State<App>, By(caller): By) -> Paged<ExecutorView> {
    let all = app.executors.all();
    let items = match caller.is_platform_admin() {
        true => all,
        false => all.into_iter().map(without_attempts).collect(),
    };
    Paged(Page { items, next: None })
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc =
        Doc { id: "listExecutors", tag: "executors", summary: "List executors, online or not", errors: &[] };
    openapi::describe(operation, &doc, &[])
}
