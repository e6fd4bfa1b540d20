//! `GET /api/v1/audit/export`: every line that the query names, as JSON Lines.

use aide::transform::TransformOperation;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::audit::AuditQuery;
use emboflow_records::{AuditFilter, AuditPage, RecordsError};
use futures::{StreamExt, TryStreamExt, stream};

use super::filter::filter;
use crate::app::App;
use crate::extract::Search;
use crate::openapi::{self, Doc};
use crate::problem::Outcome;

/// Lines read at a time.
const PAGE: u32 = 1_000;

/// Sends the lines as they are read, the newest first; `limit` is not looked at.
pub(crate) async fn export(State(app): State<App>, Search(query): Search<AuditQuery>) -> Outcome<Response> {
    let filter = AuditFilter { limit: PAGE, ..filter(query)? };
    // The first page is read before the answer begins: what is wrong with the query, or the records, is said in it.
    let first = app.records.audit(filter.clone()).await?;
    let pages = stream::try_unfold(Some((first, filter)), move |state| pages(app.clone(), state));
    let text = pages.map_ok(|page| lines(&page)).boxed();
    let kind = (header::CONTENT_TYPE, "application/jsonl");
    let saves = (header::CONTENT_DISPOSITION, "attachment; filename=\"audit.jsonl\"");
    Ok(([kind, saves], Body::from_stream(text)).into_response())
}

type Ahead = Option<(AuditPage, AuditFilter)>;

/// The page at hand, and the one after it.
async fn pages(app: App, ahead: Ahead) -> Result<Option<(AuditPage, Ahead)>, RecordsError> {
    let Some((page, filter)) = ahead else { return Ok(None) };
    let next = match page.next.clone() {
        None => None,
        cursor => {
            let filter = AuditFilter { cursor, ..filter };
            Some((app.records.audit(filter.clone()).await?, filter))
        }
    };
    Ok(Some((page, next)))
}

fn lines(page: &AuditPage) -> Bytes {
    let mut text = Vec::new();
    for entry in &page.entries {
        serde_json::to_writer(&mut text, entry).expect("a line of the audit is plain data");
        text.push(b'\n');
    }
    text.into()
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let errors = &[ErrorCode::AuthForbidden, ErrorCode::RecordsUnavailable];
    let doc = Doc { id: "exportAudit", tag: "audit", summary: "Export who did what, as JSON Lines", errors };
    let operation = openapi::answers(operation, 200, "application/jsonl", "One line an entry.");
    openapi::describe(operation, &doc, &[])
}
