//! `GET …/triggers/{trigger}/times`: the next times of a table.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_model::Timestamp;
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
use crate::routes::triggers::backfill::check_range;
use crate::triggers;

/// Query of the next times.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimesQuery {
    /// How many, 1 to 100; 5 by default.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// With `to`: what a backfill from this moment on would start, instead of the next times.
    from: Option<Timestamp>,
    /// The last moment of the range, not after now.
    to: Option<Timestamp>,
}

/// Shows the next times, or those of a range, in UTC and in the zone of the table.
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
    let (id, count) = (&found.document.id, count as usize);
    match (query.from, query.to) {
        (None, None) => triggers::times(spec, id, count).map(Json),
        (Some(from), Some(to)) => {
            check_range(from, to)?;
            triggers::times_between(spec, id, (from, to), count).map(Json)
        }
        _ => Err(Failure::new(ErrorCode::RequestInvalid, "`from` and `to` go together")),
    }
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "showTriggerTimes",
        tag: "triggers",
        summary: "Show the next times of a schedule, in UTC and in its own zone",
        errors: &[ErrorCode::TriggerNotFound, ErrorCode::TriggerKind, ErrorCode::WorkflowInvalid],
    };
    let operation = operation.description(
        "With `from` and `to` it is the preview of a backfill: the first times of the range and their count.",
    );
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
