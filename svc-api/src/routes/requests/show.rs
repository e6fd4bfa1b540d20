//! `GET …/requests/{key}`: what became of a request.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::RequestStatus;
use emboflow_protocol::stream::INTAKE;
use emboflow_records::{RequestOutcome, fresh_request};

use crate::app::App;
use crate::extract::Params;
use crate::live::missed::SHARD;
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::problem::{Failure, Outcome};
use crate::routes::place::OfRequest;

/// Shows the decision.
pub(crate) async fn show(
    State(app): State<App>,
    Params(OfRequest { project, key }): Params<OfRequest>,
) -> Outcome<Json<RequestStatus>> {
    // First the intake, then the records: what has left the one by then is in the other.
    let may_wait = may_wait(&app).await;
    let decided = fresh_request(app.records.as_ref(), SHARD, &project, &key).await?;
    match decided.map(|request| request.outcome) {
        Some(RequestOutcome::Accepted(run_id)) => Ok(Json(RequestStatus::Accepted { run_id })),
        Some(RequestOutcome::Rejected(errors)) => Ok(Json(RequestStatus::Rejected { errors })),
        None if may_wait => Ok(Json(RequestStatus::Pending)),
        None => {
            let key: String = key.chars().take(200).collect();
            let detail = format!("project '{project}' has taken no request with the key '{key}'");
            Err(Failure::new(ErrorCode::RequestNotFound, detail)
                .with_hint("send the request; with the same key that is safe"))
        }
    }
}

/// Whether any request may still wait for its decision. Nobody can tell while NATS is away.
async fn may_wait(app: &App) -> bool {
    if !app.bus.is_connected() {
        return true;
    }
    match app.bus.stored_messages(&INTAKE).await {
        Ok(waiting) => waiting > 0,
        Err(error) => {
            tracing::debug!(%error, "the requests that wait cannot be counted");
            true
        }
    }
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let errors = &[ErrorCode::RequestNotFound];
    let doc = Doc { id: "showRequest", tag: "runs", summary: "Show what became of a request", errors };
    let operation = operation.description(
        "`accepted` or `rejected` for a request that has been decided. `pending` when the key is not decided and may \
         still be: requests wait for the scheduler, or NATS cannot be asked. 404 when nothing waits: the key was never \
         taken. Only requests for new runs have a decision of their own.",
    );
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
