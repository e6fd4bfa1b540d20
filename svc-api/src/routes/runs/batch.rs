//! `POST …/runs/batch`: several new runs, for one durable write.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_model::ProjectName;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::batch::{BatchBody, BatchRequest, MAX_BATCH_REQUESTS};
use emboflow_protocol::http::{BatchItem, BatchView, RequestStatus};
use emboflow_protocol::request::{Answer, Verb};

use crate::app::App;
use crate::extract::{Body, Params};
use crate::idempotency;
use crate::intake::Asked;
use crate::openapi::{self, AT_INTAKE, Doc, IN_PROJECT};
use crate::problem::{Failure, Outcome};
use crate::routes::place::InProject;

/// Submits the runs. It fails as a whole only before anything of it is decided, or when NATS is away: to repeat it
/// with the same keys is safe.
pub(crate) async fn batch(
    State(app): State<App>,
    Params(InProject { project }): Params<InProject>,
    body: Body<BatchBody>,
) -> Outcome<Json<BatchView>> {
    let requests = body.value.requests;
    let count = requests.len();
    if !(1..=MAX_BATCH_REQUESTS).contains(&count) {
        let detail = format!("a batch has 1 to {MAX_BATCH_REQUESTS} requests, not {count}");
        return Err(Failure::new(ErrorCode::RequestInvalid, detail));
    }
    for request in &requests {
        idempotency::check(&request.key)?;
    }
    let keys: Vec<String> = requests.iter().map(|request| request.key.clone()).collect();
    let asked = requests.into_iter().map(|request| asked(&project, request)).collect();
    let answers = app.intake.ask_for_runs(asked).await?;
    let items = keys.into_iter().zip(answers).map(|(key, answer)| item(key, answer)).collect();
    Ok(Json(BatchView { items }))
}

fn asked(project: &ProjectName, request: BatchRequest) -> Asked {
    let BatchRequest { key, body, traceparent } = request;
    Asked {
        project: project.clone(),
        verb: Verb::Submit,
        key,
        traceparent: traceparent.filter(|it| emboflow_protocol::event::trace_id_of(it).is_some()),
        body: Box::<str>::from(body).into_boxed_bytes().into(),
    }
}

fn item(key: String, answer: Option<Answer>) -> BatchItem {
    let status = match answer {
        None => RequestStatus::Pending,
        Some(Answer::Accepted { run_id, .. }) => RequestStatus::Accepted { run_id },
        Some(Answer::Rejected { errors }) => {
            let plain = |error| serde_json::to_value(error).expect("an error is plain data");
            RequestStatus::Rejected { errors: errors.into_iter().map(plain).collect() }
        }
    };
    BatchItem { key, status }
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc { id: "submitRuns", tag: "runs", summary: "Submit several runs", errors: &[] };
    let operation = operation
        .description(
            "Each request is decided for itself and answered in its place: accepted, rejected with reasons, or pending. \
             Its `key` makes it safe to send the batch again. At most 500 requests and 256 KiB.",
        )
        .response_with::<200, Json<BatchView>, _>(|answer| {
            answer.description("What became of each request, in their order.")
        });
    openapi::describe(operation, &doc, &[IN_PROJECT, AT_INTAKE])
}
