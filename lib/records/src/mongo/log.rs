//! The decision log and its cursors. A place in a log is a document's `_id`, so it can be taken once.

use std::collections::HashMap;

use emboflow_model::{LogEntry, RunId, Transition};
use futures::{TryFutureExt, TryStreamExt};
use mongodb::Collection;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, doc};

use super::error::{is_taken, taken_index};
use super::{in_time, int, read_all, text};
use crate::document::Cursor;
use crate::entry::{StoredEntry, decode, decode_transition};
use crate::error::{AppendError, RecordsError};

/// Appends in order. The driver sends a batch again when the connection breaks, so a taken place may be our own
/// earlier write: the mark of the batch tells.
pub(super) async fn append(
    log: Collection<Document>,
    cursors: Collection<Document>,
    shard: u32,
    entries: Vec<StoredEntry>,
) -> Result<(), AppendError> {
    let batch = ObjectId::new();
    insert(&log, shard, batch, &entries).await?;
    // Looked at afterwards: the place may have become free because its entry was removed, which nothing told us.
    match entries.first() {
        Some(first) if first.seq <= cursor(cursors, shard, Cursor::Removed).await? => {
            log.delete_many(doc! { "batch": batch, "_id": { "$gte": place(shard, first.seq) } })
                .await
                .map_err(RecordsError::from)?;
            Err(AppendError::Conflict { seq: first.seq })
        }
        _ => Ok(()),
    }
}

async fn insert(
    log: &Collection<Document>,
    shard: u32,
    batch: ObjectId,
    entries: &[StoredEntry],
) -> Result<(), AppendError> {
    let mut rest = entries;
    while !rest.is_empty() {
        let documents = rest.iter().map(|entry| stored(shard, batch, entry));
        let Err(error) = log.insert_many(documents).ordered(true).await else { return Ok(()) };
        let Some(index) = taken_index(&error) else { return Err(RecordsError::from(error).into()) };
        let taken = rest.get(index).ok_or_else(|| RecordsError::corrupt("an answer to an insert", &error))?;
        if !is_ours(log, shard, batch, taken).await? {
            return Err(AppendError::Conflict { seq: taken.seq });
        }
        rest = &rest[index + 1..];
    }
    Ok(())
}

async fn is_ours(
    log: &Collection<Document>,
    shard: u32,
    batch: ObjectId,
    entry: &StoredEntry,
) -> Result<bool, RecordsError> {
    let ours = doc! { "_id": place(shard, entry.seq), "batch": batch, "body": &entry.body };
    Ok(log.find_one(ours).projection(doc! { "_id": 1 }).await?.is_some())
}

fn stored(shard: u32, batch: ObjectId, entry: &StoredEntry) -> Document {
    let mut document =
        doc! { "_id": place(shard, entry.seq), "seq": int(entry.seq), "batch": batch, "body": &entry.body };
    if let Some((run, number)) = entry.place_in_run {
        document.insert("run", run.to_string());
        document.insert("number", int(number));
    }
    document
}

/// Sorts as the numbers do.
pub(super) fn place(shard: u32, seq: u64) -> String {
    format!("{shard:010}/{seq:020}")
}

/// Places of a shard after a given one.
fn places_after(shard: u32, seq: u64) -> Document {
    doc! { "_id": { "$gt": place(shard, seq), "$lte": place(shard, u64::MAX) } }
}

pub(super) async fn after(
    log: Collection<Document>,
    shard: u32,
    seq: u64,
    limit: u32,
) -> Result<Vec<LogEntry>, RecordsError> {
    if limit == 0 {
        // The server takes it for no limit.
        return Ok(Vec::new());
    }
    let found = log.find(places_after(shard, seq)).sort(doc! { "_id": 1 }).limit(i64::from(limit));
    read_all(found.projection(doc! { "body": 1 }).await?, "body", decode).await
}

pub(super) async fn last_seq(
    log: Collection<Document>,
    cursors: Collection<Document>,
    shard: u32,
) -> Result<u64, RecordsError> {
    let newest =
        log.find_one(places_after(shard, 0)).sort(doc! { "_id": -1 }).projection(doc! { "seq": 1 }).await?;
    let stored = newest.as_ref().map_or(Ok(0), seq_of)?;
    Ok(stored.max(cursor(cursors, shard, Cursor::Removed).await?))
}

pub(super) async fn history(
    log: Collection<Document>,
    run: RunId,
    number: u64,
    limit: u32,
) -> Result<Vec<Transition>, RecordsError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let newer = doc! { "run": run.to_string(), "number": { "$gt": int(number) } };
    let found = log.find(newer).sort(doc! { "run": 1, "number": 1 }).limit(i64::from(limit));
    read_all(found.projection(doc! { "body": 1 }).await?, "body", decode_transition).await
}

/// One question for all: a start reads thousands of short histories, and each question costs the server about as much
/// as its answer.
pub(super) async fn histories(
    log: Collection<Document>,
    runs: Vec<RunId>,
) -> Result<Vec<Vec<Transition>>, RecordsError> {
    let ids: Vec<String> = runs.iter().map(ToString::to_string).collect();
    let asked = log.find(doc! { "run": { "$in": ids } }).projection(doc! { "body": 1 });
    let mut found = in_time("histories", asked.into_future().map_err(RecordsError::from)).await?;
    let mut histories: HashMap<RunId, Vec<Transition>> = HashMap::new();
    // All of them may take longer than an answer may; a part of them may not.
    while let Some(document) = in_time("histories", found.try_next().map_err(RecordsError::from)).await? {
        let transition = decode_transition(text(&document, "body")?)?;
        histories.entry(transition.run).or_default().push(transition);
    }
    let mut ordered = |run| {
        let mut history = histories.remove(run).unwrap_or_default();
        history.sort_unstable_by_key(|transition| transition.number);
        history
    };
    Ok(runs.iter().map(&mut ordered).collect())
}

fn cursor_id(shard: u32, cursor: Cursor) -> String {
    format!("{shard}/{}", cursor.word())
}

pub(super) async fn cursor(
    cursors: Collection<Document>,
    shard: u32,
    cursor: Cursor,
) -> Result<u64, RecordsError> {
    let found = cursors.find_one(doc! { "_id": cursor_id(shard, cursor) }).await?;
    found.as_ref().map_or(Ok(0), seq_of)
}

pub(super) async fn put_cursor(
    cursors: &Collection<Document>,
    shard: u32,
    cursor: Cursor,
    seq: u64,
) -> Result<(), RecordsError> {
    let older = doc! { "_id": cursor_id(shard, cursor), "seq": { "$lt": int(seq) } };
    let put = cursors
        .update_one(older, doc! { "$set": { "seq": int(seq), "shard": i64::from(shard) } })
        .upsert(true);
    match put.await {
        // It is as far already.
        Err(error) if is_taken(&error) => Ok(()),
        answer => answer.map(drop).map_err(RecordsError::from),
    }
}

pub(super) async fn reset_projection(cursors: &Collection<Document>, shard: u32) -> Result<(), RecordsError> {
    cursors.delete_one(doc! { "_id": cursor_id(shard, Cursor::Projection) }).await?;
    Ok(())
}

fn seq_of(document: &Document) -> Result<u64, RecordsError> {
    let seq =
        document.get_i64("seq").map_err(|error| RecordsError::corrupt("field seq of a document", error))?;
    u64::try_from(seq).map_err(|error| RecordsError::corrupt("field seq of a document", error))
}

/// The ids of the runs that a cursor gives.
pub(super) async fn run_ids(found: mongodb::Cursor<Document>) -> Result<Vec<RunId>, RecordsError> {
    read_all(found, "_id", |id| id.parse().map_err(|error| RecordsError::corrupt("a run's id", error))).await
}

/// One document's JSON text, read.
pub(super) fn body<T: serde::de::DeserializeOwned>(
    document: Option<Document>,
    what: &str,
) -> Result<Option<T>, RecordsError> {
    document.map(|document| crate::entry::from_json(text(&document, "body")?, what)).transpose()
}
