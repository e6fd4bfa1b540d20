//! `GET …/triggers/{trigger}`: one trigger.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::trigger::TriggerView;

use crate::app::App;
use crate::extract::Params;
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::problem::Outcome;
use crate::routes::place::OfTrigger;
use crate::triggers;

/// Shows a trigger with the text of its file. Its `ETag` is that of the trigger, whatever it has started meanwhile.
pub(crate) async fn show(
    State(app): State<App>,
    Params(OfTrigger { project, trigger }): Params<OfTrigger>,
) -> Outcome<(HeaderMap, Json<TriggerView>)> {
    let found = triggers::get(&app, &project, &trigger).await?;
    let state = triggers::state(&app, &project, &found).await?;
    let mut headers = HeaderMap::new();
    headers.insert(header::ETAG, triggers::tag(found.version));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("private, no-store"));
    Ok((headers, Json(triggers::full(&project, &found, &state))))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "showTrigger",
        tag: "triggers",
        summary: "Show a trigger with the text of its file",
        errors: &[ErrorCode::TriggerNotFound],
    };
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
