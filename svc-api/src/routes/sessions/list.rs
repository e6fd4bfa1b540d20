//! `GET /api/v1/sessions`: where somebody is signed in.

use aide::transform::TransformOperation;
use axum::extract::State;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::Page;
use emboflow_protocol::http::access::{OwnedQuery, SessionView};

use crate::access::BySession;
use crate::app::App;
use crate::extract::Search;
use crate::openapi::{self, Doc};
use crate::paged::Paged;
use crate::problem::Outcome;
use crate::routes::limit::{MOST, USUAL, limit};
use crate::routes::owned::{owner, page};

/// Lists sessions; those of the person at the machine itself are nobody's.
pub(crate) async fn list(
    State(app): State<App>,
    BySession(caller, current): BySession,
    Search(query): Search<OwnedQuery>,
) -> Outcome<Paged<SessionView>> {
    let owner = owner(&caller, query.user.as_deref())?;
    let limit = limit(query.limit, USUAL, MOST)?;
    let current = current.map(|current| current.id);
    let all = app.access.sessions.list(owner.as_ref()).await?;
    let rows = all.into_iter().filter_map(|(id, session)| {
        Some(SessionView {
            user: session.user?,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            expires_at: session.ends_at,
            address: Some(session.from),
            agent: session.agent,
            current: current.as_ref() == Some(&id),
            id,
        })
    });
    let (items, next) = page(rows.collect(), |row| &row.id, query.cursor.as_deref(), limit);
    Ok(Paged(Page { items, next }))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let errors = &[ErrorCode::AuthForbidden, ErrorCode::RecordsUnavailable];
    let doc = Doc { id: "listSessions", tag: "users", summary: "List where somebody is signed in", errors };
    openapi::describe(operation, &doc, &[])
}
