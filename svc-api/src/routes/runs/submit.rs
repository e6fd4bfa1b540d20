//! `POST …/runs`: a new run.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use emboflow_model::RunSummary;
use emboflow_protocol::http::RequestStatus;
use emboflow_protocol::request::{SubmitBody, Verb, body_sha256};
use emboflow_protocol::{ErrorCode, header};

use super::answer;
use crate::app::App;
use crate::extract::{Body, Params};
use crate::idempotency::IdempotencyKey;
use crate::intake::Asked;
use crate::openapi::{self, AT_INTAKE, Doc, IN_PROJECT};
use crate::problem::Outcome;
use crate::routes::place::InProject;

/// Submits a run.
pub(crate) async fn submit(
    State(app): State<App>,
    Params(InProject { project }): Params<InProject>,
    key: IdempotencyKey,
    headers: HeaderMap,
    body: Body<SubmitBody>,
) -> Outcome<Response> {
    if let Some(key) = &key.0
        && let Some(known) = app.records.request(&project, key).await?
    {
        return answer::of_known_key(&app, &project, known, &body_sha256(&body.bytes)).await;
    }
    let key = key.or_made_up();
    let asked = Asked {
        project: project.clone(),
        verb: Verb::Submit,
        key: key.clone(),
        traceparent: traceparent(&headers),
        body: body.bytes,
    };
    let answer = app.intake.ask(asked).await?;
    answer::of_new_run(&app, &project, &key, answer).await
}

/// The caller's trace, which the run becomes a part of.
pub(super) fn traceparent(headers: &HeaderMap) -> Option<String> {
    let traceparent = headers.get(header::TRACEPARENT)?.to_str().ok()?;
    emboflow_protocol::event::trace_id_of(traceparent).map(|_| traceparent.to_owned())
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "submitRun",
        tag: "runs",
        summary: "Submit a run",
        errors: &[ErrorCode::WorkflowInvalid, ErrorCode::WorkflowNotFound],
    };
    let operation = operation
        .description(
            "With an `Idempotency-Key` it is safe to send again: the same key and body give the same run, another body \
             under the key is refused.",
        )
        .response_with::<201, Json<RunSummary>, _>(|answer| answer.description("The new run."))
        .response_with::<200, Json<RunSummary>, _>(|answer| answer.description("The run that this key made before."))
        .response_with::<202, Json<RequestStatus>, _>(|answer| {
            answer.description("Safely taken, not decided yet; `Location` has the decision when there is one.")
        });
    openapi::describe(operation, &doc, &[IN_PROJECT, AT_INTAKE])
}
