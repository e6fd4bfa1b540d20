//! The decision log and its cursors.

use emboflow_model::{LogEntry, RunId, Transition};
use rusqlite::{Connection, OptionalExtension, params};

use super::error::is_taken;
use crate::document::Cursor;
use crate::entry::{StoredEntry, decode, decode_transition};
use crate::error::{AppendError, RecordsError};

pub(super) fn append(
    connection: &Connection,
    shard: u32,
    entries: &[StoredEntry],
) -> Result<(), AppendError> {
    if let Some(first) = entries.first()
        && first.seq <= cursor(connection, shard, Cursor::Removed)?
    {
        return Err(AppendError::Conflict { seq: first.seq });
    }
    let sql = "INSERT INTO log (shard, seq, run, number, body) VALUES (?1, ?2, ?3, ?4, ?5)";
    let mut insert = connection.prepare_cached(sql).map_err(RecordsError::from)?;
    for entry in entries {
        let (run, number) = entry.place_in_run.map(|(run, number)| (run.to_string(), number)).unzip();
        insert.execute(params![shard, entry.seq, run, number, entry.body]).map_err(|error| {
            if is_taken(&error) {
                AppendError::Conflict { seq: entry.seq }
            } else {
                AppendError::Unavailable(error.into())
            }
        })?;
    }
    Ok(())
}

pub(super) fn after(
    connection: &Connection,
    shard: u32,
    seq: u64,
    limit: u32,
) -> Result<Vec<LogEntry>, RecordsError> {
    let sql = "SELECT body FROM log WHERE shard = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = select.query(params![shard, seq, limit])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(decode(row.get_ref(0)?.as_str().map_err(unreadable)?)?);
    }
    Ok(entries)
}

pub(super) fn last_seq(connection: &Connection, shard: u32) -> Result<u64, RecordsError> {
    let mut select = connection.prepare_cached("SELECT coalesce(max(seq), 0) FROM log WHERE shard = ?1")?;
    let stored: u64 = select.query_row(params![shard], |row| row.get(0))?;
    Ok(stored.max(cursor(connection, shard, Cursor::Removed)?))
}

pub(super) fn history(
    connection: &Connection,
    run: RunId,
    number: u64,
    limit: u32,
) -> Result<Vec<Transition>, RecordsError> {
    let sql = "SELECT body FROM log WHERE run = ?1 AND number > ?2 ORDER BY number LIMIT ?3";
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = select.query(params![run.to_string(), number, limit])?;
    let mut transitions = Vec::new();
    while let Some(row) = rows.next()? {
        transitions.push(decode_transition(row.get_ref(0)?.as_str().map_err(unreadable)?)?);
    }
    Ok(transitions)
}

pub(super) fn histories(
    connection: &Connection,
    runs: &[RunId],
) -> Result<Vec<Vec<Transition>>, RecordsError> {
    runs.iter().map(|run| history(connection, *run, 0, u32::MAX)).collect()
}

pub(super) fn cursor(connection: &Connection, shard: u32, cursor: Cursor) -> Result<u64, RecordsError> {
    let mut select = connection.prepare_cached("SELECT seq FROM cursors WHERE shard = ?1 AND name = ?2")?;
    let seq = select.query_row(params![shard, cursor.word()], |row| row.get(0)).optional()?;
    Ok(seq.unwrap_or(0))
}

pub(super) fn put_cursor(
    connection: &Connection,
    shard: u32,
    cursor: Cursor,
    seq: u64,
) -> Result<(), RecordsError> {
    let sql = "INSERT INTO cursors (shard, name, seq) VALUES (?1, ?2, ?3)
               ON CONFLICT (shard, name) DO UPDATE SET seq = excluded.seq WHERE excluded.seq > seq";
    connection.prepare_cached(sql)?.execute(params![shard, cursor.word(), seq])?;
    Ok(())
}

pub(super) fn unreadable(error: rusqlite::types::FromSqlError) -> RecordsError {
    RecordsError::corrupt("a column of the records file", error)
}
