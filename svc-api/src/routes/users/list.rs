//! `GET /api/v1/users`: everybody.

use aide::transform::TransformOperation;
use axum::extract::State;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::Page;
use emboflow_protocol::http::access::UserView;
use schemars::JsonSchema;
use serde::Deserialize;

use super::view::view;
use crate::app::App;
use crate::extract::Search;
use crate::openapi::{self, Doc};
use crate::paged::Paged;
use crate::problem::Outcome;
use crate::routes::limit::limit;

/// Query of a list by name.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NameQuery {
    /// Rows a page, 1 to 500; 100 by default.
    #[schemars(range(min = 1, max = 500))]
    pub(crate) limit: Option<u32>,
    /// Cursor of the page, from `next` of the one before.
    pub(crate) cursor: Option<String>,
}

/// Lists users by name.
pub(crate) async fn list(
    State(app): State<App>,
    Search(query): Search<NameQuery>,
) -> Outcome<Paged<UserView>> {
    let limit = limit(query.limit, 100, 500)?;
    let mut people = app.access.users.page(query.cursor.as_deref().unwrap_or_default(), limit + 1).await?;
    let more = people.len() > limit as usize;
    people.truncate(limit as usize);
    let next = people.last().filter(|_| more).map(|last| last.user.name.clone());
    let items = people.into_iter().map(|person| view(&app, person)).collect();
    Ok(Paged(Page { items, next }))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let errors = &[ErrorCode::AuthForbidden, ErrorCode::RecordsUnavailable];
    let doc = Doc { id: "listUsers", tag: "users", summary: "List users", errors };
    openapi::describe(operation, &doc, &[])
}
