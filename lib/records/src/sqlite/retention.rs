//! What is no longer kept: finding it, and removing it in pieces small enough for the writer.

use emboflow_model::{RunId, RunSummary, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::log::{put_cursor, unreadable};
use super::{Sqlite, derived};
use crate::document::{Cursor, Removal, RequestOutcome, RequestRecord};
use crate::entry::{from_json, to_json};
use crate::error::RecordsError;
use crate::sqlite::writer::Durability::{Behind, OnDisk};

/// Rows that one transaction removes at most; an append waits for at most so many.
const ROWS_AT_A_TIME: usize = 500;

pub(super) fn requests_after(
    connection: &Connection,
    shard: u32,
    seq: u64,
    limit: u32,
) -> Result<Vec<RequestRecord>, RecordsError> {
    let sql = "SELECT body FROM requests WHERE shard = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = select.query(params![shard, seq, limit])?;
    let mut requests = Vec::new();
    while let Some(row) = rows.next()? {
        requests.push(from_json(row.get_ref(0)?.as_str().map_err(unreadable)?, "a request")?);
    }
    Ok(requests)
}

pub(super) fn runs_to_remove(
    connection: &Connection,
    shard: u32,
    ended_before: Timestamp,
    limit: u32,
) -> Result<Vec<RunSummary>, RecordsError> {
    let sql = "SELECT body FROM runs AS old WHERE shard = ?1 AND open = 0 AND finished_ms < ?2
                 AND NOT EXISTS (SELECT 1 FROM runs AS later WHERE later.recovered_from = old.id)
                 AND NOT EXISTS (SELECT 1 FROM tasks WHERE tasks.taken_over_from = old.id)
                 AND NOT EXISTS (SELECT 1 FROM runs AS above WHERE above.id = json_extract(old.body, '$.parent.run'))
               ORDER BY finished_ms, id LIMIT ?3";
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = select.query(params![shard, ended_before.0, limit])?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        runs.push(from_json(row.get_ref(0)?.as_str().map_err(unreadable)?, "a run")?);
    }
    Ok(runs)
}

pub(super) fn removal(connection: &Connection, run: RunId) -> Result<Option<Removal>, RecordsError> {
    let mut select = connection.prepare_cached("SELECT body FROM removals WHERE run = ?1")?;
    let body: Option<String> = select.query_row(params![run.to_string()], |row| row.get(0)).optional()?;
    body.map(|body| from_json(&body, "a removal")).transpose()
}

pub(super) fn removals(
    connection: &Connection,
    shard: u32,
    limit: u32,
) -> Result<Vec<Removal>, RecordsError> {
    let sql = "SELECT body FROM removals WHERE shard = ?1 ORDER BY run LIMIT ?2";
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = select.query(params![shard, limit])?;
    let mut removals = Vec::new();
    while let Some(row) = rows.next()? {
        removals.push(from_json(row.get_ref(0)?.as_str().map_err(unreadable)?, "a removal")?);
    }
    Ok(removals)
}

pub(super) fn end_removal(connection: &Connection, run: RunId) -> Result<(), RecordsError> {
    connection.prepare_cached("DELETE FROM removals WHERE run = ?1")?.execute(params![run.to_string()])?;
    Ok(())
}

pub(super) fn remove_requests(
    connection: &Connection,
    shard: u32,
    requests: &[RequestRecord],
) -> Result<(), RecordsError> {
    for request in requests {
        if matches!(request.outcome, RequestOutcome::Rejected(_)) {
            put_cursor(connection, shard, Cursor::Removed, request.seq)?;
            let sql = "DELETE FROM log WHERE shard = ?1 AND seq = ?2 AND run IS NULL";
            connection.prepare_cached(sql)?.execute(params![shard, request.seq])?;
        }
        // A later decision on the same key stays.
        let sql = "DELETE FROM requests WHERE project = ?1 AND key = ?2 AND seq = ?3";
        connection.prepare_cached(sql)?.execute(params![
            request.project.as_str(),
            request.key,
            request.seq
        ])?;
    }
    Ok(())
}

impl Sqlite {
    /// The note first and the run's document last: until then it is found again, and whoever reads it meanwhile reads
    /// its last state. Its history loses its beginning first, so that nobody takes the rest for a shorter one.
    pub(super) async fn remove_in_pieces(&self, shard: u32, removal: Removal) -> Result<(), RecordsError> {
        let run = removal.run;
        self.writer.run(OnDisk, move |connection| begin(connection, shard, &removal)).await?;
        for (table, order) in [("log", "number"), ("tasks", "position")] {
            while self
                .writer
                .run(Behind, move |connection| remove_rows(connection, table, order, run))
                .await?
                == ROWS_AT_A_TIME
            {}
        }
        let end = move |connection: &Connection| {
            connection.prepare_cached("DELETE FROM runs WHERE id = ?1")?.execute(params![run.to_string()])?;
            Ok::<_, RecordsError>(())
        };
        self.writer.run(OnDisk, end).await
    }
}

fn begin(connection: &Connection, shard: u32, removal: &Removal) -> Result<(), RecordsError> {
    let sql = "INSERT OR REPLACE INTO removals (run, shard, body) VALUES (?1, ?2, ?3)";
    let body = to_json(removal, "a removal")?;
    connection.prepare_cached(sql)?.execute(params![removal.run.to_string(), shard, body])?;
    put_cursor(connection, shard, Cursor::Removed, removal.seq)?;
    let keys = [(removal.project.clone(), removal.key.clone())];
    let request = derived::requests(connection, &keys)?.into_iter().flatten().next();
    if let Some(mut request) =
        request.filter(|request| request.outcome == RequestOutcome::Accepted(removal.run))
    {
        request.ended_at = Some(removal.ended_at);
        let sql = "UPDATE requests SET body = ?3 WHERE project = ?1 AND key = ?2";
        let body = to_json(&request, "a request")?;
        connection.prepare_cached(sql)?.execute(params![request.project.as_str(), request.key, body])?;
    }
    Ok(())
}

fn remove_rows(connection: &Connection, table: &str, order: &str, run: RunId) -> Result<usize, RecordsError> {
    let sql = format!(
        "DELETE FROM {table} WHERE rowid IN
           (SELECT rowid FROM {table} WHERE run = ?1 ORDER BY {order} LIMIT {ROWS_AT_A_TIME})"
    );
    Ok(connection.prepare_cached(&sql)?.execute(params![run.to_string()])?)
}
