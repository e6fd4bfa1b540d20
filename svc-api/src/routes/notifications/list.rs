//! `GET …/notifications`

use aide::transform::TransformOperation;
use axum::extract::State;
use emboflow_model::name::NotificationName;
use emboflow_model::notification::{KIND, MAX_OF_PROJECT, Notification};
use emboflow_protocol::http::Page;
use emboflow_protocol::http::notification::NotificationRow;
use schemars::JsonSchema;
use serde::Deserialize;

use super::stored;
use crate::app::App;
use crate::extract::{Params, Search};
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::paged::Paged;
use crate::problem::Outcome;
use crate::routes::limit::{cut, limit, name_cursor};
use crate::routes::place::InProject;

/// Query of a list of notifications.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NotificationQuery {
    /// Notifications a page, 1 to 100; 100 by default.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// Cursor of the page, from `next` of the one before.
    cursor: Option<String>,
}

/// Lists notifications by name.
pub(crate) async fn list(
    State(app): State<App>,
    Params(InProject { project }): Params<InProject>,
    Search(query): Search<NotificationQuery>,
) -> Outcome<Paged<NotificationRow>> {
    let limit = limit(query.limit, MAX_OF_PROJECT as u32, MAX_OF_PROJECT as u32)?;
    let after: Option<NotificationName> = name_cursor(query.cursor.as_deref())?;
    let after = after.as_ref().map(|after| (project.as_str(), after.as_str()));
    // One more tells whether there is a next page.
    let mut kept = app.records.kept_page(KIND, Some(project.as_str()), after, limit + 1).await?;
    let next = cut(&mut kept, limit, |last| last.name.clone());
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
    Ok(Paged(Page { items, next }))
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
