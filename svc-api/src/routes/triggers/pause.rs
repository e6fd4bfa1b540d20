//! `POST …/triggers/{trigger}/pause`: starts no runs until it is resumed.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use emboflow_model::trigger::{Pause, TriggerDocument};
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::trigger::{PauseBody, TriggerView};
use emboflow_protocol::request::check_reason;

use crate::app::{App, now};
use crate::extract::{OptionalBody, Params};
use crate::openapi::{self, Doc, IN_PROJECT, WITH_BODY, WRITES};
use crate::problem::{Failure, Outcome};
use crate::routes::place::OfTrigger;
use crate::triggers;

/// Pauses it; one that is paused gets the new reason.
pub(crate) async fn pause(
    State(app): State<App>,
    Params(place): Params<OfTrigger>,
    OptionalBody(PauseBody { reason }): OptionalBody<PauseBody>,
) -> Outcome<Response> {
    let errors = check_reason(reason.as_deref());
    if !errors.is_empty() {
        return Err(Failure::rejected(errors));
    }
    change(&app, place, |document| {
        let since = document.paused.as_ref().map_or_else(now, |paused| paused.since);
        document.paused = Some(Pause { reason, since });
    })
    .await
}

/// Changes a trigger, whoever declares it.
pub(super) async fn change(
    app: &App,
    OfTrigger { project, trigger }: OfTrigger,
    change: impl FnOnce(&mut TriggerDocument),
) -> Outcome<Response> {
    let mut found = triggers::get(app, &project, &trigger).await?;
    change(&mut found.document);
    found.document.changed_at = now();
    found.version = triggers::keep(app, &project, Some(found.version), &found.document).await?;
    Ok(triggers::answer(&project, &found))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "pauseTrigger",
        tag: "triggers",
        summary: "Start no runs by a trigger until it is resumed",
        errors: &[ErrorCode::TriggerNotFound, ErrorCode::RequestPrecondition],
    };
    let operation = operation
        .response_with::<200, Json<TriggerView>, _>(|answer| answer.description("The trigger, paused."));
    openapi::describe(operation, &doc, &[IN_PROJECT, WRITES, WITH_BODY])
}
