//! `GET …/notifications`

use aide::transform::TransformOperation;
use axum::extract::State;
use emboflow_model::name::NotificationName;
use emboflow_model::notification::{KIND, MAX_OF_PROJECT, Notification};
use emboflow_protocol::http::Page;
use emboflow_protocol::http::notification::NotificationRow;

use super::stored;
use crate::app::App;
use crate::extract::Params;
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::paged::Paged;
use crate::problem::Outcome;
use crate::routes::place::InProject;

/// Lists all notifications of a project by name; there are never many.
pub(crate) async fn list(
    State(app): State<App>,
    Params(InProject { project }): Params<InProject>,
) -> Outcome<Paged<NotificationRow>> {
    let kept = app.records.kept_page(KIND, Some(project.as_str()), None, MAX_OF_PROJECT as u32).await?;
    let mut items = Vec::with_capacity(kept.len());
    for kept in &kept {
        // One that cannot be read does not hide the others; the trigger service tells of it.
        let (Ok(name), Ok(stored)) = (kept.name.parse::<NotificationName>(), stored::read(kept)) else {
            continue;
        };
        let under_way = stored::under_way(&app, &project, &name).await?.len() as u32;
        let last = stored::history(&app, &project, &name).await?.into_iter().next();
        let Notification { spec, paused, .. } = stored.notification;
        items.push(NotificationRow { name, spec, paused, last, under_way });
    }
    Ok(Paged(Page { items, next: None }))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "listNotifications",
        tag: "notifications",
        summary: "List the notifications of a project by name",
        errors: &[],
    };
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
