//! `GET …/triggers/{trigger}/history`: what became of a trigger's newest starts.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::trigger::TriggerHistory;

use crate::app::App;
use crate::extract::Params;
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::problem::Outcome;
use crate::routes::place::OfTrigger;
use crate::triggers;

/// Shows the newest starts, and why there was none.
pub(crate) async fn history(
    State(app): State<App>,
    Params(OfTrigger { project, trigger }): Params<OfTrigger>,
) -> Outcome<Json<TriggerHistory>> {
    let found = triggers::get(&app, &project, &trigger).await?;
    let state = triggers::state(&app, &project, &found).await?;
    let looked = state.objects.and_then(|place| place.swept_at);
    Ok(Json(TriggerHistory { items: state.history.into(), watermark: state.watermark.or(looked) }))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "showTriggerHistory",
        tag: "triggers",
        summary: "Show what became of the newest starts of a trigger",
        errors: &[ErrorCode::TriggerNotFound],
    };
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
