//! `GET /api/v1/users`: everybody.

use aide::transform::TransformOperation;
use axum::extract::State;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::Page;
use emboflow_protocol::http::access::UserView;

use super::view::view;
use crate::access::users::Person;
use crate::app::App;
use crate::extract::Search;
use crate::openapi::{self, Doc};
use crate::paged::Paged;
use crate::problem::Outcome;
use crate::routes::limit::{NameQuery, by_name};

/// Lists users by name.
pub(crate) async fn list(
    State(app): State<App>,
    Search(query): Search<NameQuery>,
) -> Outcome<Paged<UserView>> {
    let read = async |after: Option<String>, limit| {
        app.access.users.page(after.as_deref().unwrap_or_default(), limit).await
    };
    let (people, next) = by_name(query, read, |last: &Person| last.user.name.clone()).await?;
    let items = people.into_iter().map(|person| view(&app, person)).collect();
    Ok(Paged(Page { items, next }))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let errors = &[ErrorCode::AuthForbidden, ErrorCode::RecordsUnavailable];
    let doc = Doc { id: "listUsers", tag: "users", summary: "List users", errors };
    openapi::describe(operation, &doc, &[])
}
