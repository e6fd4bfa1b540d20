//! `POST …/runs/{run}/tasks/{task}/decision`: a person decides on a task that waits for one.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use emboflow_model::RunSummary;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::RequestStatus;
use emboflow_protocol::http::approval::DecisionBody;
use emboflow_protocol::request::{DecideBody, Verb};

use crate::access::By;
use crate::app::App;
use crate::extract::{Body, Params};
use crate::idempotency::IdempotencyKey;
use crate::intake::Asked;
use crate::openapi::{self, AT_INTAKE, Doc, IN_PROJECT};
use crate::problem::Outcome;
use crate::routes::place::OfTask;
use crate::routes::runs;

/// Sends the decision, in the caller's name, and answers with the run as it is then.
pub(crate) async fn decide(
    State(app): State<App>,
    Params(OfTask { project, run, task }): Params<OfTask>,
    By(caller): By,
    key: IdempotencyKey,
    Body { value: DecisionBody { approve, inputs, comment }, .. }: Body<DecisionBody>,
) -> Outcome<Response> {
    app.run(&project, run).await?;
    let body = DecideBody { run, task, approve, inputs, comment, by: Some(caller.who.to_string()) };
    let body = serde_json::to_vec(&body).expect("a request's body is plain data").into();
    let (verb, key) = (Verb::Decide, key.or_made_up());
    let asked = Asked { project: project.clone(), verb, key, traceparent: None, body };
    let answer = app.intake.ask(asked).await?;
    runs::of_changed_run(&app, &project, run, answer).await
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "decideTask",
        tag: "approvals",
        summary: "Approve or reject a task that waits for a person; the same decision again is answered as the first was",
        errors: &[
            ErrorCode::RunNotFound,
            ErrorCode::TaskNotFound,
            ErrorCode::ApprovalNotOpen,
            ErrorCode::ApprovalDecided,
            ErrorCode::WorkflowInvalid,
        ],
    };
    let operation = operation
        .response_with::<200, Json<RunSummary>, _>(|answer| answer.description("The run as it is now."))
        .response_with::<202, Json<RequestStatus>, _>(|answer| {
            answer.description("Safely taken, not decided yet; `Location` is the run, which changes then.")
        });
    openapi::describe(operation, &doc, &[IN_PROJECT, AT_INTAKE])
}
