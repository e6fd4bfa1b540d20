//! `GET …/runs/{run}/tasks`: one page of a run's tasks.

use aide::transform::TransformOperation;
use axum::extract::State;
use emboflow_model::{Task, TaskState};
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::Page;
use emboflow_records::TaskFilter;
use schemars::JsonSchema;
use serde::Deserialize;

use super::wait_reason;
use crate::app::App;
use crate::extract::{Params, Search};
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::paged::Paged;
use crate::problem::{Failure, Outcome};
use crate::routes::limit::{cut, limit, numeric_cursor};
use crate::routes::place::OfRun;

/// Query of a list of tasks.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TaskQuery {
    /// Only tasks in these states, separated by commas.
    state: Option<String>,
    /// Only tasks of the TaskSpec with this name.
    name: Option<String>,
    /// Tasks a page, 1 to 1,000; 500 by default.
    #[schemars(range(min = 1, max = 1_000))]
    limit: Option<u32>,
    /// Cursor of the page, from `next` of the one before.
    cursor: Option<String>,
}

/// Lists tasks in the order of their positions.
pub(crate) async fn list(
    State(app): State<App>,
    Params(OfRun { project, run }): Params<OfRun>,
    Search(query): Search<TaskQuery>,
) -> Outcome<Paged<Task>> {
    let limit = limit(query.limit, 500, 1_000)?;
    let filter = TaskFilter {
        states: query.state.as_deref().map(states).transpose()?.unwrap_or_default(),
        name: query.name.filter(|name| !name.is_empty()),
        after_position: numeric_cursor(query.cursor.as_deref())?,
        // One more tells whether there is a next page.
        limit: limit + 1,
    };
    let mut items = app.tasks(&project, run, filter).await?;
    let next = cut(&mut items, limit, |last| last.position.to_string());
    wait_reason::fill(&app, run, &mut items).await;
    app.pulls.fill(&mut items);
    Ok(Paged(Page { items, next }))
}

fn states(text: &str) -> Outcome<Vec<TaskState>> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    words
        .map(|word| {
            let known: Vec<_> = TaskState::ALL.iter().map(|state| state.word()).collect();
            TaskState::from_word(word).ok_or_else(|| Failure::unknown("state of a task", word, &known))
        })
        .collect()
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let errors = &[ErrorCode::RunNotFound];
    let doc =
        Doc { id: "listTasks", tag: "tasks", summary: "List the tasks of a run with their attempts", errors };
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
