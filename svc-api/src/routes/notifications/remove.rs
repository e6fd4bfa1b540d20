//! `DELETE …/notifications/{notification}`

use aide::transform::TransformOperation;
use axum::extract::State;
use axum::http::StatusCode;
use emboflow_model::notification::{HISTORIES, KIND};
use emboflow_protocol::ErrorCode;

use super::stored;
use crate::app::App;
use crate::conditional::Precondition;
use crate::extract::Params;
use crate::openapi::{self, Doc, IN_PROJECT, WRITES};
use crate::problem::{Failure, Outcome};
use crate::routes::place::OfNotification;

/// Removes a notification; what of it is under way is not sent any more.
pub(crate) async fn remove(
    State(app): State<App>,
    Params(OfNotification { project, notification: name }): Params<OfNotification>,
    wanted: Precondition,
) -> Outcome<StatusCode> {
    let found = stored::get(&app, &project, &name).await?;
    wanted.check(&format!("notification '{name}'"), Some(&found.tag()))?;
    let (scope, of) = (project.as_str(), name.as_str());
    if !app.records.drop_kept(KIND, scope, of, found.version).await? {
        let detail = format!("somebody else has just changed the notification '{name}'");
        return Err(Failure::new(ErrorCode::RequestPrecondition, detail));
    }
    stored::tell(&app, &project, &name).await;
    if let Some(history) = app.records.kept(HISTORIES, scope, of).await? {
        app.records.drop_kept(HISTORIES, scope, of, history.version).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "removeNotification",
        tag: "notifications",
        summary: "Remove a notification",
        errors: &[ErrorCode::NotificationNotFound, ErrorCode::RequestPrecondition],
    };
    let operation = openapi::answers(operation, 204, "", "It is gone.");
    openapi::describe(operation, &doc, &[IN_PROJECT, WRITES])
}
