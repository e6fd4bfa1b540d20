//! `GET …/requests/{key}`: what became of a request.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_protocol::http::RequestStatus;
use emboflow_records::RequestOutcome;

use crate::app::App;
use crate::extract::Params;
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::problem::Outcome;
use crate::routes::place::OfRequest;

/// Shows the decision. NATS may hold any request that the records do not know yet, so an unknown key is pending.
pub(crate) async fn show(
    State(app): State<App>,
    Params(OfRequest { project, key }): Params<OfRequest>,
) -> Outcome<Json<RequestStatus>> {
    let status = match app.records.request(&project, &key).await?.map(|request| request.outcome) {
        None => RequestStatus::Pending,
        Some(RequestOutcome::Accepted(run_id)) => RequestStatus::Accepted { run_id },
        Some(RequestOutcome::Rejected(errors)) => RequestStatus::Rejected { errors },
    };
    Ok(Json(status))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc { id: "showRequest", tag: "runs", summary: "Show what became of a request", errors: &[] };
    let operation = operation.description("A key that is not decided, or was never sent, is `pending`.");
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
