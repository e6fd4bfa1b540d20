//! `GET …/runs/{run}/forecast`: when tasks of a run start, and when it ends.

use std::time::Duration;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::forecast::{AskForecast, RunForecast};

use crate::app::{App, now};
use crate::extract::Params;
use crate::foresight;
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::problem::Outcome;
use crate::routes::place::OfRun;

/// The scheduler looks ahead for some seconds, one question after the other.
const WAIT: Duration = Duration::from_secs(15);

/// Looks ahead.
pub(crate) async fn forecast(
    State(app): State<App>,
    Params(OfRun { project, run }): Params<OfRun>,
) -> Outcome<Json<RunForecast>> {
    let summary = app.run(&project, run).await?;
    if summary.state.is_terminal() {
        return Ok(Json(RunForecast {
            run,
            at: now(),
            walks: 0,
            horizon_ms: 0,
            tasks: Vec::new(),
            end: None,
            unknown: Vec::new(),
        }));
    }
    foresight::ask(&app, AskForecast { run }, WAIT).await.map(Json)
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "forecastRun",
        tag: "runs",
        summary: "Say when the tasks of a run that have not started should start, and when it should end",
        errors: &[
            ErrorCode::RunNotFound,
            ErrorCode::SchedulerUnavailable,
            ErrorCode::BusUnavailable,
            ErrorCode::RecordsUnavailable,
        ],
    };
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
