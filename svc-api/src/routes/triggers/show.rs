//! `GET …/triggers/{trigger}`: one trigger.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::trigger::TriggerView;

use crate::app::App;
use crate::extract::Params;
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::problem::Outcome;
use crate::routes::place::OfTrigger;
use crate::triggers;

/// Shows a trigger with the text of its file.
pub(crate) async fn show(
    State(app): State<App>,
    Params(OfTrigger { project, trigger }): Params<OfTrigger>,
) -> Outcome<Response> {
    let found = triggers::get(&app, &project, &trigger).await?;
    Ok(triggers::answer(&project, &found))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "showTrigger",
        tag: "triggers",
        summary: "Show a trigger with the text of its file",
        errors: &[ErrorCode::TriggerNotFound],
    };
    let operation =
        operation.response_with::<200, Json<TriggerView>, _>(|answer| answer.description("The trigger."));
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
