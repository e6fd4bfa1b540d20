//! `GET /api/v1/audit` and `GET …/audit` of a project: who did what.

use aide::transform::TransformOperation;
use axum::extract::State;
use emboflow_model::access::AuditEntry;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::Page;
use emboflow_protocol::http::audit::AuditQuery;
use emboflow_records::AuditFilter;

use super::filter::filter;
use crate::app::App;
use crate::extract::{Params, Search};
use crate::openapi::{self, Doc, IN_PROJECT, WRITES};
use crate::paged::Paged;
use crate::problem::Outcome;
use crate::routes::place::InProject;

/// Lists lines of the whole installation, the newest first.
pub(crate) async fn list(
    State(app): State<App>,
    Search(query): Search<AuditQuery>,
) -> Outcome<Paged<AuditEntry>> {
    read(&app, filter(query)?).await
}

/// Lists lines about a project, the newest first.
pub(crate) async fn of_project(
    State(app): State<App>,
    Params(InProject { project }): Params<InProject>,
    Search(query): Search<AuditQuery>,
) -> Outcome<Paged<AuditEntry>> {
    read(&app, AuditFilter { project: Some(project), ..filter(query)? }).await
}

async fn read(app: &App, filter: AuditFilter) -> Outcome<Paged<AuditEntry>> {
    let page = app.records.audit(filter).await?;
    Ok(Paged(Page { items: page.entries, next: page.next }))
}

/// Documentation of the first.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let errors = &[ErrorCode::AuthForbidden, ErrorCode::RecordsUnavailable];
    let doc = Doc { id: "listAudit", tag: "audit", summary: "List who did what", errors };
    openapi::describe(operation, &doc, &[])
}

/// Documentation of the second.
pub(crate) fn document_of_project(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc =
        Doc { id: "listProjectAudit", tag: "audit", summary: "List who did what in a project", errors: &[] };
    openapi::describe(operation, &doc, &[IN_PROJECT, WRITES])
}
