//! `PUT …/notifications/{notification}`

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use emboflow_model::ProjectName;
use emboflow_model::notification::{KIND, MAX_OF_PROJECT, Notification, NotificationSpec, check};
use emboflow_protocol::http::notification::NotificationView;
use emboflow_protocol::{ErrorCode, FieldError};

use super::stored;
use crate::access::By;
use crate::app::{App, now};
use crate::conditional::Precondition;
use crate::extract::{Body, Params};
use crate::openapi::{self, Doc, IN_PROJECT, WITH_BODY, WRITES};
use crate::problem::{Failure, Outcome};
use crate::routes::place::OfNotification;

/// Makes a notification, or changes one; whether it is paused stays as it is.
pub(crate) async fn put(
    State(app): State<App>,
    By(caller): By,
    Params(OfNotification { project, notification: name }): Params<OfNotification>,
    wanted: Precondition,
    Body { value: spec, .. }: Body<NotificationSpec>,
) -> Outcome<Response> {
    refuse_what_is_wrong(&spec)?;
    let found = stored::find(&app, &project, &name).await?;
    let tag = found.as_ref().map(stored::Stored::tag);
    wanted.check(&format!("notification '{name}'"), tag.as_ref())?;
    let (expected, notification) = match found {
        Some(found) => (Some(found.version), Notification { spec, ..found.notification }),
        None => {
            refuse_too_many(&app, &project).await?;
            let created_by = caller.who.to_string();
            (None, Notification { spec, paused: None, created_at: now(), created_by })
        }
    };
    let put = stored::put(&app, &project, &name, expected, notification).await?;
    let put = put.ok_or_else(|| {
        let detail = format!("somebody else has just changed the notification '{name}'");
        Failure::new(ErrorCode::RequestPrecondition, detail)
    })?;
    stored::shown(&app, &project, name, put).await
}

fn refuse_what_is_wrong(spec: &NotificationSpec) -> Outcome<()> {
    let wrong = check(spec).into_iter().map(|(pointer, why)| FieldError {
        pointer: Some(pointer.to_owned()),
        ..FieldError::new(ErrorCode::NotificationInvalid, why)
    });
    let wrong: Vec<_> = wrong.collect();
    if wrong.is_empty() { Ok(()) } else { Err(Failure::rejected(wrong)) }
}

/// Two that are made at the same moment may both be the last one: the bound keeps a list short, nothing rests on it.
async fn refuse_too_many(app: &App, project: &ProjectName) -> Outcome<()> {
    let kept = app.records.kept_page(KIND, Some(project.as_str()), None, MAX_OF_PROJECT as u32).await?;
    if kept.len() < MAX_OF_PROJECT {
        return Ok(());
    }
    let detail = format!("project '{project}' has {MAX_OF_PROJECT} notifications, and may have no more");
    Err(Failure::new(ErrorCode::NotificationInvalid, detail)
        .with_hint("remove one, or let one notification tell of several workflows"))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "putNotification",
        tag: "notifications",
        summary: "Make or change a notification",
        errors: &[ErrorCode::NotificationInvalid, ErrorCode::RequestPrecondition],
    };
    let operation = operation.response_with::<200, Json<NotificationView>, _>(|answer| {
        answer.description("The notification as it is now; what happens from now on is told.")
    });
    openapi::describe(operation, &doc, &[IN_PROJECT, WRITES, WITH_BODY])
}
