//! Requests that change a run that exists.

use aide::transform::TransformOperation;
use axum::Json;
use axum::response::Response;
use emboflow_model::RunSummary;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::{CancelBody, RequestStatus};
use emboflow_protocol::request::{RunBody, Verb};

use super::answer;
use crate::app::App;
use crate::idempotency::IdempotencyKey;
use crate::intake::Asked;
use crate::openapi::{self, AT_INTAKE, Doc, IN_PROJECT};
use crate::problem::Outcome;
use crate::routes::place::OfRun;

/// Sends the request and answers with the run as it is then.
pub(super) async fn change(
    app: &App,
    OfRun { project, run }: OfRun,
    verb: Verb,
    key: IdempotencyKey,
    CancelBody { reason, skip_finally }: CancelBody,
) -> Outcome<Response> {
    app.run(&project, run).await?;
    let body = RunBody { reason, skip_finally, ..RunBody::of(run) };
    let key = key.or_made_up();
    let answer = app.intake.ask(asked(&project, verb, &key, &body)).await?;
    answer::of_changed_run(app, &project, run, answer).await
}

/// A request about a run, without a trace of the caller's.
pub(super) fn asked(project: &emboflow_model::ProjectName, verb: Verb, key: &str, body: &RunBody) -> Asked {
    let body = serde_json::to_vec(body).expect("a request's body is plain data").into();
    Asked { project: project.clone(), verb, key: key.to_owned(), traceparent: None, body }
}

/// Documentation of such a request.
pub(super) fn document<'t>(
    operation: TransformOperation<'t>,
    id: &'static str,
    summary: &'static str,
) -> TransformOperation<'t> {
    let doc =
        Doc { id, tag: "runs", summary, errors: &[ErrorCode::RunNotFound, ErrorCode::RunStateConflict] };
    let operation = operation
        .response_with::<200, Json<RunSummary>, _>(|answer| answer.description("The run as it is now."))
        .response_with::<202, Json<RequestStatus>, _>(|answer| {
            answer.description("Safely taken, not decided yet; `Location` is the run, which changes then.")
        });
    openapi::describe(operation, &doc, &[IN_PROJECT, AT_INTAKE])
}
