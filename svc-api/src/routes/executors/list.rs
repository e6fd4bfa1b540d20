//! `GET /api/v1/executors`: who carries out attempts.

use aide::transform::TransformOperation;
use axum::extract::State;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::{ExecutorView, Page};

use crate::access::By;
use crate::app::App;
use crate::live::executors::without_attempts;
use crate::openapi::{self, Doc};
use crate::paged::Paged;
use crate::problem::Outcome;

/// Lists executors by id.
/// Which attempts they hold is told to administrators of the platform: they are those of every project.
pub(crate) async fn list(State(app): State<App>, By(caller): By) -> Outcome<Paged<ExecutorView>> {
    let mut cordons = app.cordons.all().await?;
    let mut all = app.executors.all();
    for view in &mut all {
        view.cordon = cordons.remove(&view.heartbeat.executor);
    }
    let items = match caller.is_platform_admin() {
        true => all,
        false => all.into_iter().map(without_attempts).collect(),
    };
    Ok(Paged(Page { items, next: None }))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "listExecutors",
        tag: "executors",
        summary: "List executors, online or not",
        errors: &[ErrorCode::RecordsUnavailable],
    };
    openapi::describe(operation, &doc, &[])
}
