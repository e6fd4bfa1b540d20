//! What can be asked of the audit.

use emboflow_model::access::AuditEntry;
use emboflow_model::access::audit::AuditResult;
use emboflow_model::{ProjectName, Timestamp};

use crate::error::RecordsError;

/// Which lines of the audit; without any field, all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// From this moment on.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// By exactly this one, such as `user:anna`.
    pub who: Option<String>,
    /// Whose action begins with this.
    pub action: Option<String>,
    /// About this project.
    pub project: Option<ProjectName>,
    /// That ended so.
    pub result: Option<AuditResult>,
    /// Lines at most.
    pub limit: u32,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// One page of the audit, the newest line first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// The lines.
    pub entries: Vec<AuditEntry>,
    /// Cursor of the next page; none after the last.
    pub next: Option<String>,
}

impl AuditPage {
    /// Of one line more than the page has, so that it is known whether others follow.
    pub(crate) fn of(mut entries: Vec<AuditEntry>, limit: u32) -> Self {
        let limit = limit as usize;
        let more = entries.len() > limit;
        entries.truncate(limit);
        let last = entries.last().filter(|_| more);
        let next = last.map(|entry| format!("{}.{}", entry.at.0, entry.id));
        Self { entries, next }
    }
}

impl AuditFilter {
    /// Time and id of the last line of the page before.
    pub(crate) fn after(&self) -> Result<Option<(i64, &str)>, RecordsError> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let bad = || RecordsError::BadCursor { cursor: cursor.chars().take(80).collect() };
        let (at, id) = cursor.split_once('.').ok_or_else(bad)?;
        Ok(Some((at.parse().map_err(|_| bad())?, id)))
    }

    /// The first text after all that begin with the action; none when there is no such text.
    pub(crate) fn action_end(&self) -> Option<String> {
        let action = self.action.as_ref()?;
        Some(format!("{action}\u{10ffff}"))
    }
}
