//! `PUT|DELETE /api/v1/executors/{executor}/cordon`: it is given no work, until an operator says otherwise.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use emboflow_model::ExecutorId;
use emboflow_model::cordon::{Cordon, Drain};
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::cordon::{CordonBody, CordonView, DrainBody};

use crate::access::By;
use crate::app::{App, now};
use crate::extract::{Body, Params};
use crate::openapi::{self, Doc, WITH_BODY, WRITES};
use crate::problem::{Failure, Outcome};
use crate::routes::place::OfExecutor;

/// Cordons an executor, or drains it.
pub(crate) async fn set(
    State(app): State<App>,
    By(caller): By,
    Params(OfExecutor { executor }): Params<OfExecutor>,
    Body { value, .. }: Body<CordonBody>,
) -> Outcome<Json<CordonView>> {
    must_be_known(&app, &executor)?;
    let reason = value.reason.trim().to_owned();
    if reason.is_empty() || reason.chars().count() > Cordon::REASON_MAX {
        let detail = format!("reason: it has 1 to {} characters", Cordon::REASON_MAX);
        return Err(Failure::new(ErrorCode::RequestInvalid, detail));
    }
    let drain = value.drain.map(drain).transpose()?;
    let wanted = Cordon { reason, since: now(), by: caller.who.to_string(), drain };
    app.cordons.set(&executor, wanted).await?;
    let changed = app.cordons.all().await?.remove(&executor);
    changed.map(Json).ok_or_else(|| {
        let detail = format!("somebody has uncordoned executor '{executor}' meanwhile");
        Failure::new(ErrorCode::RequestPrecondition, detail)
    })
}

/// Gives it work again.
pub(crate) async fn remove(
    State(app): State<App>,
    Params(OfExecutor { executor }): Params<OfExecutor>,
) -> Outcome<StatusCode> {
    must_be_known(&app, &executor)?;
    app.cordons.remove(&executor).await.map(|()| StatusCode::NO_CONTENT)
}

fn drain(DrainBody { deadline_ms }: DrainBody) -> Outcome<Drain> {
    if deadline_ms.is_some_and(|ms| ms > Cordon::DEADLINE_MAX_MS) {
        let detail = "drain.deadline_ms: it is 30 days at most (2592000000)";
        return Err(Failure::new(ErrorCode::RequestInvalid, detail));
    }
    Ok(Drain { deadline: deadline_ms.map(|ms| now().plus_ms(ms)) })
}

fn must_be_known(app: &App, executor: &ExecutorId) -> Outcome<()> {
    if app.executors.all().iter().any(|known| known.heartbeat.executor == *executor) {
        return Ok(());
    }
    let detail = format!("no executor '{executor}' has been heard of");
    Err(Failure::new(ErrorCode::ExecutorNotFound, detail))
}

/// Its documentation.
pub(crate) fn document_set(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "cordonExecutor",
        tag: "executors",
        summary: "Give an executor no new work; with `drain`, until it is empty or a deadline stops the rest",
        errors: &[
            ErrorCode::RequestInvalid,
            ErrorCode::ExecutorNotFound,
            ErrorCode::RequestPrecondition,
            ErrorCode::RecordsUnavailable,
        ],
    };
    openapi::describe(operation, &doc, &[WRITES, WITH_BODY])
}

/// Its documentation.
pub(crate) fn document_remove(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "uncordonExecutor",
        tag: "executors",
        summary: "Give an executor work again",
        errors: &[ErrorCode::ExecutorNotFound, ErrorCode::RequestPrecondition, ErrorCode::RecordsUnavailable],
    };
    let operation = openapi::answers(operation, 204, "", "It is given work again.");
    openapi::describe(operation, &doc, &[WRITES])
}
