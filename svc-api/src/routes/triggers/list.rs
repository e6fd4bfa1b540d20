//! `GET …/triggers`: the triggers of a project.

use aide::transform::TransformOperation;
use axum::extract::State;
use emboflow_model::TriggerName;
use emboflow_protocol::http::Page;
use emboflow_protocol::http::trigger::TriggerView;

use crate::app::App;
use crate::extract::{Params, Search};
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::paged::Paged;
use crate::problem::Outcome;
use crate::routes::limit::{NameQuery, by_name};
use crate::routes::place::InProject;
use crate::triggers::{self, KeptTrigger};

/// Lists triggers by name, each with its next time and its newest start.
pub(crate) async fn list(
    State(app): State<App>,
    Params(InProject { project }): Params<InProject>,
    Search(query): Search<NameQuery>,
) -> Outcome<Paged<TriggerView>> {
    let read =
        async |after: Option<TriggerName>, limit| triggers::page(&app, &project, after.as_ref(), limit).await;
    let (found, next) = by_name(query, read, |last: &KeptTrigger| last.name.to_string()).await?;
    let mut items = Vec::with_capacity(found.len());
    for trigger in &found {
        let state = triggers::state(&app, &project, trigger).await?;
        items.push(triggers::row(&project, trigger, &state));
    }
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
