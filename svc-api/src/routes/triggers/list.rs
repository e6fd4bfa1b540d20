//! `GET …/triggers`: the triggers of a project.

use aide::transform::TransformOperation;
use axum::extract::State;
use emboflow_model::TriggerName;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::Page;
use emboflow_protocol::http::trigger::TriggerView;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::app::App;
use crate::extract::{Params, Search};
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::paged::Paged;
use crate::problem::{Failure, Outcome};
use crate::routes::limit::limit;
use crate::routes::place::InProject;
use crate::triggers;

/// Query of a list of triggers.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TriggerQuery {
    /// Triggers a page, 1 to 500; 100 by default.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<u32>,
    /// Cursor of the page, from `next` of the one before.
    cursor: Option<String>,
}

/// Lists triggers by name, each with its next time and its newest start.
pub(crate) async fn list(
    State(app): State<App>,
    Params(InProject { project }): Params<InProject>,
    Search(query): Search<TriggerQuery>,
) -> Outcome<Paged<TriggerView>> {
    let limit = limit(query.limit, 100, 500)?;
    let after = query.cursor.filter(|cursor| !cursor.is_empty()).map(TriggerName::new).transpose();
    let after = after.map_err(|error| {
        Failure::new(ErrorCode::RequestInvalid, format!("the cursor is not one of this list: {error}"))
    })?;
    // One more tells whether there is a next page.
    let mut found = triggers::page(&app, &project, after.as_ref(), limit + 1).await?;
    let has_more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let mut items = Vec::with_capacity(found.len());
    for trigger in &found {
        let state = triggers::state(&app, &project, trigger).await?;
        items.push(triggers::row(&project, trigger, &state));
    }
    let next = items.last().filter(|_| has_more).map(|last| last.name.to_string());
    Ok(Paged(Page { items, next }))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "listTriggers",
        tag: "triggers",
        summary: "List triggers by name, with their next time and newest start",
        errors: &[],
    };
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
