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
use crate::routes::limit::{NameQuery, by_name};

/// Lists services by name.
pub(crate) async fn list(
    State(app): State<App>,
    Search(query): Search<NameQuery>,
) -> Outcome<Paged<ServiceView>> {
    let read = async |after: Option<String>, limit| {
        app.access.services.page(after.as_deref().unwrap_or_default(), limit).await
    };
    let (all, next) = by_name(query, read, |last: &ServiceAccount| last.name.to_string()).await?;
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
