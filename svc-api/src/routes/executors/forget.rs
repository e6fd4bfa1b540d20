//! `POST /api/v1/executors/{executor}/forget`: it will not come back.

use std::time::Duration;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_bus::BusError;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::call::{ForgetAnswer, ForgetExecutor};
use emboflow_protocol::http::ExecutorForgotten;

use crate::app::App;
use crate::extract::Params;
use crate::openapi::{self, Doc, WRITES};
use crate::problem::{Failure, Outcome};
use crate::routes::place::OfExecutor;

/// The scheduler answers when it is in the records.
const WAIT: Duration = Duration::from_secs(10);

/// Forgets an executor.
pub(crate) async fn forget(
    State(app): State<App>,
    Params(OfExecutor { executor }): Params<OfExecutor>,
) -> Outcome<Json<ExecutorForgotten>> {
    // The scheduler also knows those that nobody has heard since NATS was emptied or a backup was restored.
    let call = ForgetExecutor { executor: executor.clone() };
    match app.bus.call::<_, ForgetAnswer>(&call, WAIT).await {
        Ok(ForgetAnswer::Forgotten { lost_attempts }) => {
            app.cordons.remove(&executor).await?;
            Ok(Json(ExecutorForgotten { executor, lost_attempts }))
        }
        Ok(ForgetAnswer::Unknown) => {
            if app.executors.all().iter().any(|known| known.heartbeat.executor == executor) {
                app.cordons.remove(&executor).await?;
                return Ok(Json(ExecutorForgotten { executor, lost_attempts: 0 }));
            }
            let detail = format!("no executor '{executor}' has been heard of, and no run has anything there");
            Err(Failure::new(ErrorCode::ExecutorNotFound, detail))
        }
        Ok(ForgetAnswer::Online { age_ms }) => {
            let detail = format!("executor '{executor}' was heard of {} s ago", age_ms / 1_000);
            Err(Failure::new(ErrorCode::ExecutorOnline, detail)
                .with_hint("stop it, or wait until it has been silent for 15 s"))
        }
        Err(error @ (BusError::NoResponder { .. } | BusError::Timeout { .. } | BusError::Refused { .. })) => {
            Err(Failure::behind(ErrorCode::SchedulerUnavailable, error))
        }
        Err(error) => Err(error.into()),
    }
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "forgetExecutor",
        tag: "executors",
        summary: "Forget an executor that will not come back; its open attempts are lost",
        errors: &[
            ErrorCode::ExecutorNotFound,
            ErrorCode::ExecutorOnline,
            ErrorCode::SchedulerUnavailable,
            ErrorCode::BusUnavailable,
        ],
    };
    openapi::describe(operation, &doc, &[WRITES])
}
