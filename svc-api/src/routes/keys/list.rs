//! `GET /api/v1/keys`: the keys of somebody.

use aide::transform::TransformOperation;
use axum::extract::State;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::Page;
use emboflow_protocol::http::access::{KeyView, OwnedQuery};

use super::view::view;
use crate::access::By;
use crate::app::App;
use crate::extract::Search;
use crate::openapi::{self, Doc};
use crate::paged::Paged;
use crate::problem::Outcome;
use crate::routes::limit::{MOST, USUAL, limit};
use crate::routes::owned::{owner, page};

/// Lists keys.
pub(crate) async fn list(
    State(app): State<App>,
    By(caller): By,
    Search(query): Search<OwnedQuery>,
) -> Outcome<Paged<KeyView>> {
    let owner = owner(&caller, query.user.as_deref())?;
    let limit = limit(query.limit, USUAL, MOST)?;
    let all = app.access.keys.list(owner.as_ref()).await?;
    let rows = all.into_iter().map(|(id, key)| view(id, key)).collect();
    let (items, next) = page(rows, |row: &KeyView| &row.id, query.cursor.as_deref(), limit);
    Ok(Paged(Page { items, next }))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let errors = &[ErrorCode::AuthForbidden, ErrorCode::RecordsUnavailable];
    let doc = Doc { id: "listKeys", tag: "keys", summary: "List API keys, without their values", errors };
    openapi::describe(operation, &doc, &[])
}
