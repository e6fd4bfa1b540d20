//! `POST …/runs/{run}/retry`: a new run that repeats a part of another one, with its inputs or with others.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use emboflow_model::RunSummary;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::{RequestStatus, RetryBody};
use emboflow_protocol::request::{RunBody, Verb};

use super::{answer, steer, submit};
use crate::app::App;
use crate::extract::{OptionalBody, Params};
use crate::idempotency::IdempotencyKey;
use crate::openapi::{self, AT_INTAKE, Doc, IN_PROJECT};
use crate::problem::Outcome;
use crate::routes::place::OfRun;

/// Repeats what did not end well, what is named, what reads a changed input, and all that needs one of these; the results
/// of the others are taken over.
pub(crate) async fn retry(
    State(app): State<App>,
    Params(OfRun { project, run }): Params<OfRun>,
    key: IdempotencyKey,
    headers: HeaderMap,
    OptionalBody(body): OptionalBody<RetryBody>,
) -> Outcome<Response> {
    app.run(&project, run).await?;
    let RetryBody { tasks, inputs, no_cache } = body;
    let body = RunBody { tasks, inputs, no_cache, ..RunBody::of(run) };
    let key = key.or_made_up();
    let mut asked = steer::asked(&project, Verb::Retry, &key, &body);
    asked.traceparent = submit::traceparent(&headers);
    let answer = app.intake.ask(asked).await?;
    answer::of_new_run(&app, &project, &key, answer).await
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "retryRun",
        tag: "runs",
        summary: "Make a new run that repeats what did not end well, what is named, and what reads a changed input",
        errors: &[
            ErrorCode::RunNotFound,
            ErrorCode::RunStateConflict,
            ErrorCode::RunNothingToRetry,
            ErrorCode::TaskNotFound,
            ErrorCode::WorkflowInvalid,
            ErrorCode::UploadNotFound,
        ],
    };
    let operation = operation
        .response_with::<201, Json<RunSummary>, _>(|answer| answer.description("The new run."))
        .response_with::<200, Json<RunSummary>, _>(|answer| {
            answer.description("The run that this key made before.")
        })
        .response_with::<202, Json<RequestStatus>, _>(|answer| {
            answer
                .description("Safely taken, not decided yet; `Location` has the decision when there is one.")
        });
    openapi::describe(operation, &doc, &[IN_PROJECT, AT_INTAKE])
}
