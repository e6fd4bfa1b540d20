//! `GET …/triggers/{trigger}/times`: the next times of a table.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_model::trigger::TriggerKind;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::trigger::TriggerTimes;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::app::App;
use crate::extract::{Params, Search};
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::problem::{Failure, Outcome};
use crate::routes::limit::limit;
use crate::routes::place::OfTrigger;
use crate::triggers;

/// Query of the next times.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimesQuery {
    /// How many, 1 to 100; 5 by default.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
}

/// Shows the next times, in UTC and in the zone of the table.
pub(crate) async fn times(
    State(app): State<App>,
    Params(OfTrigger { project, trigger }): Params<OfTrigger>,
    Search(query): Search<TimesQuery>,
) -> Outcome<Json<TriggerTimes>> {
    let count = limit(query.limit, 5, 100)?;
    let found = triggers::get(&app, &project, &trigger).await?;
    let TriggerKind::Schedule(spec) = &found.document.spec.on else {
        return Err(Failure::new(ErrorCode::TriggerKind, format!("trigger '{trigger}' has no time table")));
    };
    triggers::times(spec, &found.document.id, count as usize).map(Json)
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "showTriggerTimes",
        tag: "triggers",
        summary: "Show the next times of a schedule, in UTC and in its own zone",
        errors: &[ErrorCode::TriggerNotFound, ErrorCode::TriggerKind, ErrorCode::WorkflowInvalid],
    };
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
