//! `POST …/triggers/{trigger}/resume`: starts runs again.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::trigger::TriggerView;

use super::pause::change;
use crate::app::{App, now};
use crate::extract::Params;
use crate::openapi::{self, Doc, IN_PROJECT, WRITES};
use crate::problem::Outcome;
use crate::routes::place::OfTrigger;

/// Resumes it. Times of a table and ended runs of the pause are not made up for; the messages of a stream are.
pub(crate) async fn resume(State(app): State<App>, Params(place): Params<OfTrigger>) -> Outcome<Response> {
    change(&app, place, |document| {
        if document.paused.take().is_some() {
            document.counts_from = now();
        }
    })
    .await
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "resumeTrigger",
        tag: "triggers",
        summary: "Start runs by a paused trigger again",
        errors: &[ErrorCode::TriggerNotFound, ErrorCode::RequestPrecondition],
    };
    let operation = operation.response_with::<200, Json<TriggerView>, _>(|answer| {
        answer.description("The trigger, which starts runs again.")
    });
    openapi::describe(operation, &doc, &[IN_PROJECT, WRITES])
}
