//! `GET …/runs/{run}/explanation`: why tasks of a run wait, and what stands between one of them and each executor.

use std::time::Duration;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_model::{TaskKey, TaskState};
use emboflow_protocol::ErrorCode;
use emboflow_protocol::call::{Explain, Explanation, TaskWait};
use emboflow_protocol::http::explanation::{ExplanationQuery, RunExplanation, TaskExplanation};

use crate::app::App;
use crate::extract::{Params, Search};
use crate::foresight;
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::problem::{Failure, Outcome};
use crate::routes::place::OfRun;

/// The scheduler answers from memory.
const WAIT: Duration = Duration::from_secs(3);

/// Explains.
pub(crate) async fn explain(
    State(app): State<App>,
    Params(OfRun { project, run }): Params<OfRun>,
    Search(ExplanationQuery { task }): Search<ExplanationQuery>,
) -> Outcome<Json<RunExplanation>> {
    let named = task.as_deref().filter(|text| !text.is_empty()).map(read).transpose()?;
    let summary = app.run(&project, run).await?;
    let state = match &named {
        Some(task) => Some(app.task(&project, run, task).await?.state),
        None => None,
    };
    if summary.state.is_terminal() {
        let task = named.zip(state).map(|(task, state)| not_waiting(task, state));
        return Ok(Json(RunExplanation { run, state: summary.state, waits: Vec::new(), task }));
    }
    let ask = |task| foresight::ask(&app, Explain { run, task }, WAIT);
    let mut answer: Explanation = ask(named.clone()).await?;
    let wanted = named.clone().or_else(|| first(&answer.waits));
    if named.is_none() && wanted.is_some() {
        answer = ask(wanted.clone()).await?;
    }
    let task = wanted.map(|task| closely(task, state, &mut answer));
    Ok(Json(RunExplanation { run, state: summary.state, waits: answer.waits, task }))
}

fn read(text: &str) -> Outcome<TaskKey> {
    text.parse().map_err(|error| {
        let shown: String = text.chars().take(80).collect();
        Failure::new(ErrorCode::RequestInvalid, format!("task '{shown}': {error}"))
    })
}

/// The first that is ready, or else the first that waits for others.
fn first(waits: &[TaskWait]) -> Option<TaskKey> {
    let ready = waits.iter().find(|wait| wait.state == Some(TaskState::Queued));
    ready.or(waits.first()).map(|wait| wait.task.clone())
}

/// What the answer says of the task that was named in the question. `state`: as the records know it.
fn closely(task: TaskKey, state: Option<TaskState>, answer: &mut Explanation) -> TaskExplanation {
    let wait = answer.waits.iter().find(|wait| wait.task == task);
    let Some(wait) = wait else {
        return not_waiting(task, state.unwrap_or(TaskState::Queued));
    };
    TaskExplanation {
        state: wait.state.or(state).unwrap_or(TaskState::Queued),
        wait_reason: Some(wait.wait_reason.clone()),
        advice: answer.advice.take(),
        position: answer.position.take(),
        verdicts: std::mem::take(&mut answer.verdicts),
        task,
    }
}

fn not_waiting(task: TaskKey, state: TaskState) -> TaskExplanation {
    TaskExplanation { task, state, wait_reason: None, advice: None, position: None, verdicts: Vec::new() }
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "explainRun",
        tag: "runs",
        summary: "Say why tasks of a run wait, where one of them stands, and whether each executor could take it",
        errors: &[
            ErrorCode::RunNotFound,
            ErrorCode::TaskNotFound,
            ErrorCode::SchedulerUnavailable,
            ErrorCode::BusUnavailable,
            ErrorCode::RecordsUnavailable,
        ],
    };
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
