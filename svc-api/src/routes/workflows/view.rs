//! A workflow as the API shows it.

use emboflow_protocol::http::WorkflowView;
use emboflow_records::{WorkflowRow, WorkflowVersion};

/// With its text.
pub(super) fn full(version: WorkflowVersion) -> WorkflowView {
    WorkflowView { source: Some(version.source.to_string()), ..row(version.row) }
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
