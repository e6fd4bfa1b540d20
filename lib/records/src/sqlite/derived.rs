//! Documents derived from the log: version-guarded writes, and reads of single ones.

use std::collections::BTreeMap;

use emboflow_model::task::REPLACED;
use emboflow_model::{ProjectName, RunId, RunSummary, Task, TaskKey};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::log::unreadable;
use crate::document::{RequestRecord, result_of};
use crate::entry::from_json;
use crate::error::RecordsError;
use crate::query::{SortValues, TaskFilter};

/// A document and its JSON text.
pub(super) struct Encoded<T> {
    pub(super) document: T,
    pub(super) body: String,
}

/// Writes the runs, and how many there are in each state of their projects.
pub(super) fn put_runs(
    connection: &Connection,
    shard: u32,
    runs: &[Encoded<RunSummary>],
) -> Result<(), RecordsError> {
    let mut counts = Counts::default();
    for run in runs {
        let Encoded { document, .. } = run;
        let id = document.id.to_string();
        let (project, state) = (document.project.as_str(), document.state.word());
        match stored_run(connection, &id)? {
            Some(stored) if stored.version >= document.version => {}
            Some(stored) => {
                update_run(connection, stored.row, run)?;
                counts.add(project, &stored.state, -1);
                counts.add(project, state, 1);
            }
            None => {
                insert_run(connection, shard, &id, run)?;
                counts.add(project, state, 1);
            }
        }
    }
    counts.put(connection)
}

/// How many runs more or less there are, by project and state. Kept here and not by a trigger: a statement with a trigger
/// keeps a copy of each page that it changes, to be able to go back.
#[derive(Default)]
struct Counts(BTreeMap<(String, String), i64>);

impl Counts {
    fn add(&mut self, project: &str, state: &str, runs: i64) {
        *self.0.entry((project.to_owned(), state.to_owned())).or_default() += runs;
    }

    fn put(self, connection: &Connection) -> Result<(), RecordsError> {
        let sql = "INSERT INTO run_counts (project, state, runs) VALUES (?1, ?2, ?3)
                   ON CONFLICT (project, state) DO UPDATE SET runs = runs + excluded.runs";
        for ((project, state), runs) in self.0 {
            connection.prepare_cached(sql)?.execute(params![project, state, runs])?;
        }
        Ok(())
    }
}

/// What is written of a run already.
struct StoredRun {
    row: i64,
    version: u64,
    state: String,
}

fn stored_run(connection: &Connection, id: &str) -> Result<Option<StoredRun>, RecordsError> {
    let mut select = connection.prepare_cached("SELECT rowid, version, state FROM runs WHERE id = ?1")?;
    let stored = |row: &Row<'_>| Ok(StoredRun { row: row.get(0)?, version: row.get(1)?, state: row.get(2)? });
    Ok(select.query_row([id], stored).optional()?)
}

fn insert_run(
    connection: &Connection,
    shard: u32,
    id: &str,
    run: &Encoded<RunSummary>,
) -> Result<(), RecordsError> {
    let sql = "INSERT INTO runs (id, shard, version, project, workflow, state, open, created_ms, finished_ms,
                                 duration_ms, recovered_from, body)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    let Encoded { document, body } = run;
    let sorted = SortValues::of(document);
    connection.prepare_cached(sql)?.execute(params![
        id,
        shard,
        document.version,
        document.project.as_str(),
        document.workflow.as_str(),
        document.state.word(),
        !document.state.is_terminal(),
        sorted.created,
        sorted.finished,
        sorted.duration,
        document.recovered_from.map(|run| run.to_string()),
        body,
    ])?;
    let sql = "INSERT OR IGNORE INTO run_labels (project, label, run) VALUES (?1, ?2, ?3)";
    for (key, value) in &document.labels {
        connection.prepare_cached(sql)?.execute(params![
            document.project.as_str(),
            format!("{key}={value}"),
            id
        ])?;
    }
    Ok(())
}

fn update_run(connection: &Connection, row: i64, run: &Encoded<RunSummary>) -> Result<(), RecordsError> {
    let sql =
        "UPDATE runs SET version = ?2, state = ?3, open = ?4, finished_ms = ?5, duration_ms = ?6, body = ?7
               WHERE rowid = ?1";
    let Encoded { document, body } = run;
    let sorted = SortValues::of(document);
    connection.prepare_cached(sql)?.execute(params![
        row,
        document.version,
        document.state.word(),
        !document.state.is_terminal(),
        sorted.finished,
        sorted.duration,
        body,
    ])?;
    Ok(())
}

pub(super) fn put_task(
    connection: &Connection,
    shard: u32,
    task: &Encoded<Task>,
) -> Result<(), RecordsError> {
    let sql = "INSERT INTO tasks (run, key, shard, version, position, name, state, body, finished_ms, result,
                                  taken_over_from)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
               ON CONFLICT (run, key) DO UPDATE SET version = excluded.version, state = excluded.state,
                 body = excluded.body, finished_ms = excluded.finished_ms, result = excluded.result,
                 taken_over_from = excluded.taken_over_from
               WHERE excluded.version > version";
    let Encoded { document, body } = task;
    connection.prepare_cached(sql)?.execute(params![
        document.run.to_string(),
        document.key.to_string(),
        shard,
        document.version,
        document.position,
        document.key.name.as_str(),
        document.stored_state(),
        body,
        document.finished_at.map(|at| at.0),
        result_of(document),
        document.taken_over_from.map(|run| run.to_string()),
    ])?;
    Ok(())
}

pub(super) fn put_request(
    connection: &Connection,
    shard: u32,
    request: &Encoded<RequestRecord>,
) -> Result<(), RecordsError> {
    let sql = "INSERT INTO requests (project, key, shard, seq, body) VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT (project, key) DO UPDATE SET seq = excluded.seq, body = excluded.body
               WHERE excluded.seq > seq";
    let Encoded { document, body } = request;
    connection.prepare_cached(sql)?.execute(params![
        document.project.as_str(),
        document.key,
        shard,
        document.seq,
        body
    ])?;
    Ok(())
}

/// Runs first: whoever reads a run's document finds its tasks' too.
pub(super) fn clear(connection: &Connection, shard: u32) -> Result<(), RecordsError> {
    for table in ["runs", "tasks"] {
        connection.execute(&format!("DELETE FROM {table} WHERE shard = ?1"), params![shard])?;
    }
    // Those of removed runs derive from nothing any more.
    let derived = "DELETE FROM requests WHERE shard = ?1 AND instr(body, '\"ended_at\":') = 0";
    connection.execute(derived, params![shard])?;
    connection.execute("DELETE FROM cursors WHERE shard = ?1 AND name = 'projection'", params![shard])?;
    Ok(())
}

pub(super) fn open_runs(connection: &Connection, shard: u32) -> Result<Vec<RunId>, RecordsError> {
    let mut select =
        connection.prepare_cached("SELECT id FROM runs WHERE shard = ?1 AND open = 1 ORDER BY id")?;
    let mut rows = select.query(params![shard])?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        let id = row.get_ref(0)?.as_str().map_err(unreadable)?;
        runs.push(id.parse().map_err(|error| RecordsError::corrupt("a run's id", error))?);
    }
    Ok(runs)
}

pub(super) fn run(connection: &Connection, run: RunId) -> Result<Option<RunSummary>, RecordsError> {
    let mut select = connection.prepare_cached("SELECT body FROM runs WHERE id = ?1")?;
    let body: Option<String> = select.query_row(params![run.to_string()], |row| row.get(0)).optional()?;
    body.map(|body| from_json(&body, "a run")).transpose()
}

pub(super) fn task(connection: &Connection, run: RunId, key: &TaskKey) -> Result<Option<Task>, RecordsError> {
    let mut select = connection.prepare_cached("SELECT body FROM tasks WHERE run = ?1 AND key = ?2")?;
    let body: Option<String> =
        select.query_row(params![run.to_string(), key.to_string()], |row| row.get(0)).optional()?;
    let task: Option<Task> = body.map(|body| from_json(&body, "a task")).transpose()?;
    Ok(task.filter(|task| !task.replaced))
}

pub(super) fn requests(
    connection: &Connection,
    keys: &[(ProjectName, String)],
) -> Result<Vec<Option<RequestRecord>>, RecordsError> {
    let mut select =
        connection.prepare_cached("SELECT body FROM requests WHERE project = ?1 AND key = ?2")?;
    let mut found = Vec::with_capacity(keys.len());
    for (project, key) in keys {
        let body: Option<String> =
            select.query_row(params![project.as_str(), key], |row| row.get(0)).optional()?;
        found.push(body.map(|body| from_json(&body, "a request")).transpose()?);
    }
    Ok(found)
}

pub(super) fn tasks(
    connection: &Connection,
    run: RunId,
    filter: &TaskFilter,
) -> Result<Vec<Task>, RecordsError> {
    let run = run.to_string();
    let mut sql = "SELECT body FROM tasks INDEXED BY tasks_by_position WHERE run = ?".to_owned();
    let mut values: Vec<&dyn ToSql> = vec![&run];
    if let Some(after) = &filter.after_position {
        sql.push_str(" AND position > ?");
        values.push(after);
    }
    let states: Vec<_> = filter.states.iter().map(|state| state.word()).collect();
    if states.is_empty() {
        sql.push_str(" AND state <> ?");
        values.push(&REPLACED);
    } else {
        sql.push_str(&format!(" AND state IN ({})", super::marks(states.len())));
        values.extend(states.iter().map(|state| state as &dyn ToSql));
    }
    if let Some(name) = &filter.name {
        sql.push_str(" AND name = ?");
        values.push(name);
    }
    sql.push_str(" ORDER BY position LIMIT ?");
    values.push(&filter.limit);
    let mut select = connection.prepare_cached(&sql)?;
    let mut rows = select.query(values.as_slice())?;
    let mut tasks = Vec::new();
    while let Some(row) = rows.next()? {
        tasks.push(from_json(row.get_ref(0)?.as_str().map_err(unreadable)?, "a task")?);
    }
    Ok(tasks)
}
