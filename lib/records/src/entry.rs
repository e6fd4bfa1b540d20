//! Log entries as the stores keep them: a JSON text, and the fields that are unique or looked up.

use std::sync::Arc;

use emboflow_model::{LogEntry, RunId, Transition};

use crate::error::{AppendError, RecordsError};

/// An entry in its stored form.
pub(crate) struct StoredEntry {
    pub(crate) seq: u64,
    /// Run and number, unless it is a rejection.
    pub(crate) place_in_run: Option<(RunId, u64)>,
    pub(crate) body: String,
}

/// Checks that the entries are consecutive entries of the shard and gives their stored form.
pub(crate) fn encode(shard: u32, entries: &[Arc<LogEntry>]) -> Result<Vec<StoredEntry>, AppendError> {
    let first = entries.first().map_or(1, |entry| entry.seq());
    let mut stored = Vec::with_capacity(entries.len());
    for (entry, expected) in entries.iter().zip(first..) {
        let (own_shard, place_in_run) = match entry.as_ref() {
            LogEntry::Transition(transition) => (transition.shard, Some((transition.run, transition.number))),
            LogEntry::Rejection(rejection) => (rejection.shard, None),
        };
        if entry.seq() != expected || own_shard != shard || expected == 0 {
            return Err(AppendError::Disordered {
                shard,
                after: expected.saturating_sub(1),
                found: entry.seq(),
            });
        }
        let body = to_json(entry.as_ref(), "log entry")?;
        stored.push(StoredEntry { seq: expected, place_in_run, body });
    }
    Ok(stored)
}

/// Reads an entry back.
pub(crate) fn decode(body: &str) -> Result<LogEntry, RecordsError> {
    from_json(body, "log entry")
}

/// Reads an entry of a run's history back.
pub(crate) fn decode_transition(body: &str) -> Result<Transition, RecordsError> {
    match decode(body)? {
        LogEntry::Transition(transition) => Ok(transition),
        LogEntry::Rejection(rejection) => Err(RecordsError::corrupt(
            format!("log entry {}", rejection.seq),
            "a rejection in a run's history",
        )),
    }
}

pub(crate) fn to_json<T: serde::Serialize>(value: &T, what: &str) -> Result<String, RecordsError> {
    serde_json::to_string(value).map_err(|error| RecordsError::corrupt(what, error))
}

pub(crate) fn from_json<T: serde::de::DeserializeOwned>(body: &str, what: &str) -> Result<T, RecordsError> {
    serde_json::from_str(body).map_err(|error| RecordsError::corrupt(what, error))
}
