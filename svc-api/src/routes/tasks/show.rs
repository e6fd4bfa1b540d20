//! `GET …/runs/{run}/tasks/{task}`: one task as it is now.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_model::Task;
use emboflow_protocol::ErrorCode;

use super::wait_reason;
use crate::app::App;
use crate::extract::Params;
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::problem::Outcome;
use crate::routes::place::OfTask;

/// Shows a task.
pub(crate) async fn show(
    State(app): State<App>,
    Params(OfTask { project, run, task }): Params<OfTask>,
) -> Outcome<Json<Task>> {
    let mut tasks = [app.task(&project, run, &task).await?];
    wait_reason::fill(&app, run, &mut tasks).await;
    app.pulls.fill(&mut tasks);
    let [task] = tasks;
    Ok(Json(task))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let errors = &[ErrorCode::RunNotFound, ErrorCode::TaskNotFound];
    let doc = Doc { id: "showTask", tag: "tasks", summary: "Show a task with its attempts", errors };
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
