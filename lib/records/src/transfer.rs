//! Records on their way into another store: what does not derive from the decision log, item by item, each as it is.
//!
//! The log itself is read with [`Records::log_after`] and written with [`copy_entries`]; documents derive from it again
//! ([`crate::rebuild`]). Nothing here knows what backups look like.

use std::sync::Arc;

use emboflow_model::LogEntry;
use emboflow_model::access::AuditEntry;
use serde::{Deserialize, Serialize};

use crate::contract::Records;
use crate::document::{Removal, RequestRecord, WorkflowVersion};
use crate::error::{AppendError, RecordsError};

/// A part of the records that does not derive from the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// What became of requests, also of those whose run or entry has been removed.
    Requests,
    /// Runs that are being removed.
    Removals,
    /// Every version of every workflow.
    Workflows,
    /// Settings.
    Settings,
    /// Kept documents of every kind.
    Kept,
    /// Lines of the audit.
    Audit,
}

impl Section {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Requests, Self::Removals, Self::Workflows, Self::Settings, Self::Kept, Self::Audit];
}

/// One thing that does not derive from the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "item", rename_all = "snake_case")]
pub enum Item {
    /// What became of a request.
    Request {
        /// Shard of the decision.
        shard: u32,
        /// The decision.
        request: RequestRecord,
    },
    /// A run that is being removed.
    Removal {
        /// Shard of the run.
        shard: u32,
        /// The note.
        removal: Removal,
    },
    /// A version of a workflow.
    Workflow {
        /// With its number and text.
        workflow: WorkflowVersion,
    },
    /// A setting.
    Setting {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// A kept document with the version that it has.
    Kept {
        /// Its kind.
        kind: String,
        /// Project, or empty.
        scope: String,
        /// Its name.
        name: String,
        /// Its version.
        version: u64,
        /// JSON.
        body: String,
    },
    /// A line of the audit.
    Audit {
        /// The line.
        entry: Box<AuditEntry>,
    },
}

/// Items of a section, in a fixed order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ItemPage {
    /// The items.
    pub items: Vec<Item>,
    /// Where the next page begins; none after the last one.
    pub next: Option<String>,
}

/// Settings that belong to the store and not to the installation.
pub(crate) fn is_own_setting(name: &str) -> bool {
    name.starts_with("records.")
}

/// Appends entries that may have gaps between their places, as a log with removed entries has. The places must come
/// after every one that the shard has.
pub async fn copy_entries(
    records: &dyn Records,
    shard: u32,
    entries: Vec<LogEntry>,
) -> Result<(), AppendError> {
    let mut batch: Vec<Arc<LogEntry>> = Vec::new();
    for entry in entries {
        if batch.last().is_some_and(|last| last.seq() + 1 != entry.seq()) {
            records.append(shard, std::mem::take(&mut batch)).await?;
        }
        batch.push(Arc::new(entry));
    }
    records.append(shard, batch).await
}

/// The place in a page's order after a compound name; parts are apart by a character that none of them has.
pub(crate) fn place_of(parts: &[&str]) -> String {
    parts.join("\n")
}

/// The parts of a place, as many as wanted; the beginning of everything when there is no place yet.
pub(crate) fn parts_of<const N: usize>(after: Option<&str>) -> Result<[String; N], RecordsError> {
    let Some(after) = after else { return Ok(std::array::from_fn(|_| String::new())) };
    let parts: Vec<String> = after.splitn(N, '\n').map(str::to_owned).collect();
    parts.try_into().map_err(|_| RecordsError::BadCursor { cursor: after.to_owned() })
}
