//! `GET …/notifications/{notification}`

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::notification::NotificationView;

use super::stored;
use crate::app::App;
use crate::extract::Params;
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::problem::Outcome;
use crate::routes::place::OfNotification;

/// Shows a notification with its newest deliveries.
pub(crate) async fn show(
    State(app): State<App>,
    Params(OfNotification { project, notification }): Params<OfNotification>,
) -> Outcome<Response> {
    let found = stored::get(&app, &project, &notification).await?;
    stored::shown(&app, &project, notification, found).await
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "showNotification",
        tag: "notifications",
        summary: "Show a notification with its newest deliveries",
        errors: &[ErrorCode::NotificationNotFound],
    };
    let operation = operation.response_with::<200, Json<NotificationView>, _>(|answer| {
        answer.description("The notification; its `ETag` names the version that a change may be bound to.")
    });
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
