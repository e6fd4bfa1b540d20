//! A workflow as the API shows it.

use axum::http::HeaderValue;
use emboflow_protocol::http::WorkflowView;
use emboflow_records::{WorkflowRow, WorkflowVersion};

use crate::conditional::tag_of;

/// With its text.
pub(super) fn full(version: WorkflowVersion) -> WorkflowView {
    WorkflowView { source: Some(version.source.to_string()), ..row(version.row) }
}

/// The `ETag` of a workflow that is shown.
pub(super) fn tag(view: &WorkflowView) -> HeaderValue {
    tag_of(&serde_json::to_vec(view).expect("a workflow is plain data"))
}

/// Without it.
pub(super) fn row(row: WorkflowRow) -> WorkflowView {
    WorkflowView {
        name: row.name,
        description: row.description,
        version: row.version,
        digest: row.digest,
        created_at: row.created_at,
        source: None,
    }
}
