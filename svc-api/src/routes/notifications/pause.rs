//! `POST …/notifications/{notification}/pause` and `…/resume`

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use emboflow_model::notification::Paused;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::notification::{NotificationView, PauseBody};

use super::stored;
use crate::access::By;
use crate::app::{App, now};
use crate::extract::{Body, Params};
use crate::openapi::{self, Doc, IN_PROJECT, WITH_BODY, WRITES};
use crate::problem::{Failure, Outcome};
use crate::routes::place::OfNotification;

/// Characters of a reason at most.
const MAX_REASON: usize = 300;

/// Stops sending: what happens meanwhile is not told, and what is under way waits.
pub(crate) async fn pause(
    State(app): State<App>,
    By(caller): By,
    Params(OfNotification { project, notification: name }): Params<OfNotification>,
    Body { value, .. }: Body<PauseBody>,
) -> Outcome<Response> {
    let reason = value.reason.trim();
    if !(1..=MAX_REASON).contains(&reason.chars().count()) {
        let detail = format!("a reason has 1 to {MAX_REASON} characters");
        return Err(Failure::new(ErrorCode::RequestInvalid, detail));
    }
    let paused = Paused { at: now(), by: caller.who.to_string(), reason: reason.to_owned() };
    let stored = stored::change(&app, &project, &name, |it| {
        it.paused.get_or_insert_with(|| paused.clone());
    });
    stored::shown(&app, &project, name.clone(), stored.await?).await
}

/// Sends again.
pub(crate) async fn resume(
    State(app): State<App>,
    Params(OfNotification { project, notification: name }): Params<OfNotification>,
) -> Outcome<Response> {
    let stored = stored::change(&app, &project, &name, |it| it.paused = None).await?;
    stored::shown(&app, &project, name, stored).await
}

/// The documentation of the pause.
pub(crate) fn document_pause(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = doc("pauseNotification", "Stop sending a notification for a while");
    openapi::describe(answers(operation), &doc, &[IN_PROJECT, WRITES, WITH_BODY])
}

/// The documentation of its end.
pub(crate) fn document_resume(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = doc("resumeNotification", "Send a notification again");
    openapi::describe(answers(operation), &doc, &[IN_PROJECT, WRITES])
}

fn doc(id: &'static str, summary: &'static str) -> Doc {
    let errors = &[ErrorCode::NotificationNotFound, ErrorCode::RequestPrecondition];
    Doc { id, tag: "notifications", summary, errors }
}

fn answers(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation.response_with::<200, Json<NotificationView>, _>(|answer| {
        answer.description("The notification as it is now.")
    })
}
