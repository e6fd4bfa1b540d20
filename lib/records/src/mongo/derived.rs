//! Documents derived from the log: version-guarded writes, and reads of single ones.

use std::collections::HashMap;

use emboflow_model::task::REPLACED;
use emboflow_model::{ProjectName, RunId, RunSummary, Task, TaskKey};
use mongodb::bson::{Bson, Document, doc};
use mongodb::{Collection, Database};
use serde::Serialize;

use super::error::{DUPLICATE_KEY, reason_of};
use super::log::{body, put_cursor, reset_projection, run_ids};
use super::schema::{CURSORS, REQUESTS, RUNS, TASKS};
use super::{in_time, int, read_all, write_concern_document};
use crate::document::{Cursor, Derived, RequestRecord, result_of};
use crate::entry::{from_json, to_json};
use crate::error::RecordsError;
use crate::query::{SortValues, TaskFilter};

/// A command carries so many statements or bytes at most; the server's limits are far above.
const STATEMENTS: usize = 500;
const STATEMENT_BYTES: usize = 8 << 20;
/// Keys that one query looks for at most.
const KEYS: usize = 1_000;

pub(super) async fn put(database: Database, derived: Derived) -> Result<(), RecordsError> {
    let Derived { shard, runs, tasks, requests, through_seq } = derived;
    put_all(&database, TASKS, tasks.iter().map(|task| task_document(shard, task))).await?;
    put_all(&database, REQUESTS, requests.iter().map(|request| request_document(shard, request))).await?;
    put_all(&database, RUNS, runs.iter().map(|run| run_document(shard, run))).await?;
    let cursors = database.collection(CURSORS);
    in_time("put_derived", put_cursor(&cursors, shard, Cursor::Projection, through_seq)).await
}

/// A document with `_id` and `version`.
type Versioned = Result<Document, RecordsError>;

async fn put_all(
    database: &Database,
    collection: &str,
    documents: impl Iterator<Item = Versioned>,
) -> Result<(), RecordsError> {
    let mut statements = Vec::new();
    let mut bytes = 0;
    for document in documents {
        let document = document?;
        bytes += document.get_str("body").map_or(0, str::len);
        statements.push(guarded(document));
        if statements.len() >= STATEMENTS || bytes >= STATEMENT_BYTES {
            send(database, collection, std::mem::take(&mut statements)).await?;
            bytes = 0;
        }
    }
    if statements.is_empty() { Ok(()) } else { send(database, collection, statements).await }
}

/// Replaces an older version or inserts; a newer one makes the insert fail on its `_id`.
fn guarded(document: Document) -> Bson {
    let older = doc! { "_id": document.get("_id"), "version": { "$lt": document.get("version") } };
    Bson::Document(doc! { "q": older, "u": document, "upsert": true })
}

/// One round trip for all: the plain update command, which every server version has.
async fn send(database: &Database, collection: &str, statements: Vec<Bson>) -> Result<(), RecordsError> {
    let command = doc! {
        "update": collection,
        "updates": statements,
        "ordered": false,
        "writeConcern": write_concern_document(),
    };
    let reply =
        in_time("put_derived", async { Ok::<_, RecordsError>(database.run_command(command).await?) }).await?;
    let errors = reply.get_array("writeErrors").map(Vec::as_slice).unwrap_or_default();
    let errors = errors.iter().filter_map(Bson::as_document).filter(|error| code_of(error) != DUPLICATE_KEY);
    let concern = reply.get_document("writeConcernError").ok();
    match errors.chain(concern).next() {
        None => Ok(()),
        Some(error) => Err(RecordsError::Unavailable {
            reason: reason_of(code_of(error)),
            detail: error.get_str("errmsg").unwrap_or("write refused").to_owned(),
        }),
    }
}

fn code_of(error: &Document) -> i32 {
    match error.get("code") {
        Some(Bson::Int32(code)) => *code,
        Some(Bson::Int64(code)) => i32::try_from(*code).unwrap_or(0),
        Some(Bson::Double(code)) => *code as i32,
        _ => 0,
    }
}

fn versioned(id: String, shard: u32, version: u64, document: &impl Serialize) -> Versioned {
    let body = to_json(document, "a derived document")?;
    Ok(doc! { "_id": id, "shard": i64::from(shard), "version": int(version), "body": body })
}

fn run_document(shard: u32, run: &RunSummary) -> Versioned {
    let sorted = SortValues::of(run);
    let labels: Vec<_> = run.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mut document = versioned(run.id.to_string(), shard, run.version, run)?;
    document.extend(doc! {
        "project": run.project.as_str(),
        "workflow": run.workflow.as_str(),
        "state": run.state.word(),
        "open": !run.state.is_terminal(),
        "created": sorted.created,
        "finished": sorted.finished,
        "duration": sorted.duration,
        "labels": labels,
        "awaits_people": !run.approvals.is_empty(),
    });
    if let Some(repeated) = run.recovered_from {
        document.insert("recovered_from", repeated.to_string());
    }
    Ok(document)
}

fn task_document(shard: u32, task: &Task) -> Versioned {
    let mut document = versioned(task_id(task.run, &task.key), shard, task.version, task)?;
    document.extend(doc! {
        "run": task.run.to_string(),
        "position": i64::from(task.position),
        "name": task.key.name.as_str(),
        "state": task.stored_state(),
    });
    if let Some(result) = result_of(task) {
        document.extend(doc! { "result": result, "finished": task.finished_at.map(|at| at.0) });
    }
    if let Some(origin) = task.taken_over_from {
        document.insert("taken_over_from", origin.to_string());
    }
    Ok(document)
}

pub(super) fn request_document(shard: u32, request: &RequestRecord) -> Versioned {
    versioned(request_id(&request.project, &request.key), shard, request.seq, request)
}

fn task_id(run: RunId, key: &TaskKey) -> String {
    format!("{run}/{key}")
}

pub(super) fn request_id(project: &ProjectName, key: &str) -> String {
    format!("{project}/{key}")
}

/// Runs first: whoever reads a run's document finds its tasks' too.
pub(super) async fn clear(database: Database, shard: u32) -> Result<(), RecordsError> {
    for collection in [RUNS, TASKS] {
        database.collection::<Document>(collection).delete_many(doc! { "shard": i64::from(shard) }).await?;
    }
    // Those of removed runs derive from nothing any more.
    let derived = doc! { "shard": i64::from(shard), "ended": { "$exists": false } };
    database.collection::<Document>(REQUESTS).delete_many(derived).await?;
    reset_projection(&database.collection(CURSORS), shard).await
}

pub(super) async fn open_runs(runs: Collection<Document>, shard: u32) -> Result<Vec<RunId>, RecordsError> {
    let open = runs.find(doc! { "shard": i64::from(shard), "open": true }).sort(doc! { "_id": 1 });
    run_ids(open.projection(doc! { "_id": 1 }).await?).await
}

pub(super) async fn run(runs: Collection<Document>, run: RunId) -> Result<Option<RunSummary>, RecordsError> {
    body(runs.find_one(doc! { "_id": run.to_string() }).await?, "a run")
}

pub(super) async fn task(
    tasks: Collection<Document>,
    run: RunId,
    key: TaskKey,
) -> Result<Option<Task>, RecordsError> {
    let task: Option<Task> = body(tasks.find_one(doc! { "_id": task_id(run, &key) }).await?, "a task")?;
    Ok(task.filter(|task| !task.replaced))
}

pub(super) async fn requests(
    requests: Collection<Document>,
    keys: Vec<(ProjectName, String)>,
) -> Result<Vec<Option<RequestRecord>>, RecordsError> {
    let ids: Vec<_> = keys.iter().map(|(project, key)| request_id(project, key)).collect();
    let mut found = HashMap::with_capacity(ids.len());
    for some in ids.chunks(KEYS) {
        let cursor = requests.find(doc! { "_id": { "$in": some } }).projection(doc! { "body": 1 }).await?;
        let read = |body: &str| from_json::<RequestRecord>(body, "a request");
        let known = read_all(cursor, "body", read).await?.into_iter();
        found.extend(known.map(|one| (request_id(&one.project, &one.key), one)));
    }
    Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
}

pub(super) async fn tasks(
    tasks: Collection<Document>,
    run: RunId,
    filter: TaskFilter,
) -> Result<Vec<Task>, RecordsError> {
    if filter.limit == 0 {
        return Ok(Vec::new());
    }
    let mut wanted = doc! { "run": run.to_string() };
    if let Some(after) = filter.after_position {
        wanted.insert("position", doc! { "$gt": i64::from(after) });
    }
    if filter.states.is_empty() {
        wanted.insert("state", doc! { "$ne": REPLACED });
    } else {
        let words: Vec<_> = filter.states.iter().map(|state| state.word()).collect();
        wanted.insert("state", doc! { "$in": words });
    }
    if let Some(name) = filter.name {
        wanted.insert("name", name);
    }
    let found = tasks.find(wanted).sort(doc! { "position": 1 }).limit(i64::from(filter.limit));
    read_all(found.projection(doc! { "body": 1 }).await?, "body", |body| from_json(body, "a task")).await
}
