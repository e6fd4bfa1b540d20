//! `GET /api/v1/services`: every service.

use aide::transform::TransformOperation;
use axum::extract::State;
use emboflow_model::access::ServiceAccount;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::Page;
use emboflow_protocol::http::service::ServiceView;

use crate::app::App;
use crate::extract::Search;
use crate::openapi::{self, Doc};
use crate::paged::Paged;
use crate::problem::Outcome;
use crate::routes::limit::limit;
use crate::routes::users::list::NameQuery;

/// Lists services by name.
pub(crate) async fn list(
    State(app): State<App>,
    Search(query): Search<NameQuery>,
) -> Outcome<Paged<ServiceView>> {
    let limit = limit(query.limit, 100, 500)?;
    let mut all = app.access.services.page(query.cursor.as_deref().unwrap_or_default(), limit + 1).await?;
    let more = all.len() > limit as usize;
    all.truncate(limit as usize);
    let next = all.last().filter(|_| more).map(|last| last.name.to_string());
    Ok(Paged(Page { items: all.into_iter().map(view).collect(), next }))
}

/// A service as it is shown.
pub(super) fn view(service: ServiceAccount) -> ServiceView {
    let ServiceAccount { name, powers, created_at, tokens_since } = service;
    ServiceView { name, powers, created_at, tokens_since }
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let errors = &[ErrorCode::AuthForbidden, ErrorCode::RecordsUnavailable];
    let doc = Doc { id: "listServices", tag: "keys", summary: "List services", errors };
    openapi::describe(operation, &doc, &[])
}
