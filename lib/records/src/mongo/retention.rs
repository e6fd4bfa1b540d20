//! What is no longer kept: finding it, and removing it command by command.

use std::collections::HashSet;

use emboflow_model::{RunId, RunSummary, Timestamp};
use futures::TryStreamExt;
use mongodb::bson::{Document, doc};
use mongodb::{Collection, Database};

use super::derived::{request_id, requests};
use super::log::{body, place, put_cursor};
use super::results::origins;
use super::schema::{CURSORS, LOG, REMOVALS, REQUESTS, RUNS, TASKS};
use super::{in_time, int, read_all, text};
use crate::document::{Cursor, Removal, RequestOutcome, RequestRecord};
use crate::entry::{from_json, to_json};
use crate::error::RecordsError;

pub(super) async fn requests_after(
    requests: Collection<Document>,
    shard: u32,
    seq: u64,
    limit: u32,
) -> Result<Vec<RequestRecord>, RecordsError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let later = doc! { "shard": i64::from(shard), "version": { "$gt": int(seq) } };
    let found = requests.find(later).sort(doc! { "version": 1 }).limit(i64::from(limit));
    read_all(found.projection(doc! { "body": 1 }).await?, "body", |body| from_json(body, "a request")).await
}

/// Pages of what has ended, without those that another run repeats or took a result from, or whose parent is still there.
pub(super) async fn runs_to_remove(
    (runs, tasks): (Collection<Document>, Collection<Document>),
    shard: u32,
    ended_before: Timestamp,
    limit: u32,
) -> Result<Vec<RunSummary>, RecordsError> {
    let mut free: Vec<RunSummary> = Vec::new();
    let mut after: Option<(i64, String)> = None;
    while free.len() < limit as usize {
        let mut ended = doc! { "shard": i64::from(shard), "finished": { "$lt": ended_before.0 } };
        if let Some((finished, id)) = &after {
            ended.insert("finished", doc! { "$lt": ended_before.0, "$gte": finished });
            ended.insert("$or", [doc! { "finished": { "$gt": finished } }, doc! { "_id": { "$gt": id } }]);
        }
        let found = runs.find(ended).sort(doc! { "finished": 1, "_id": 1 }).limit(i64::from(limit));
        let page = found.projection(doc! { "body": 1, "finished": 1 }).await?;
        let page: Vec<Document> = page.try_collect().await?;
        let Some(last) = page.last() else { break };
        let finished = last.get_i64("finished").map_err(|error| RecordsError::corrupt("a run", error))?;
        after = Some((finished, text(last, "_id")?.to_owned()));
        let read = |document: &Document| from_json::<RunSummary>(text(document, "body")?, "a run");
        let page: Vec<_> = page.iter().map(read).collect::<Result<_, _>>()?;
        let mut used = repeated(&runs, &page).await?;
        used.extend(origins(&tasks, &page).await?);
        used.extend(children(&runs, &page).await?);
        free.extend(page.into_iter().filter(|run| !used.contains(&run.id.to_string())));
    }
    free.truncate(limit as usize);
    Ok(free)
}

async fn repeated(runs: &Collection<Document>, page: &[RunSummary]) -> Result<HashSet<String>, RecordsError> {
    let ids: Vec<_> = page.iter().map(|run| run.id.to_string()).collect();
    let found = runs.find(doc! { "recovered_from": { "$in": ids } }).projection(doc! { "recovered_from": 1 });
    Ok(read_all(found.await?, "recovered_from", |id| Ok(id.to_owned())).await?.into_iter().collect())
}

/// Those of a page that carry a task out of a run which is there.
async fn children(runs: &Collection<Document>, page: &[RunSummary]) -> Result<Vec<String>, RecordsError> {
    let parent_of = |run: &RunSummary| run.parent.as_ref().map(|parent| parent.run.to_string());
    let parents: Vec<_> = page.iter().filter_map(parent_of).collect();
    if parents.is_empty() {
        return Ok(Vec::new());
    }
    let found = runs.find(doc! { "_id": { "$in": parents } }).projection(doc! { "_id": 1 });
    let there: HashSet<String> =
        read_all(found.await?, "_id", |id| Ok(id.to_owned())).await?.into_iter().collect();
    let is_held = |run: &&RunSummary| parent_of(run).is_some_and(|parent| there.contains(&parent));
    Ok(page.iter().filter(is_held).map(|run| run.id.to_string()).collect())
}

pub(super) async fn removal(
    removals: Collection<Document>,
    run: RunId,
) -> Result<Option<Removal>, RecordsError> {
    body(removals.find_one(doc! { "_id": run.to_string() }).await?, "a removal")
}

pub(super) async fn removals(
    removals: Collection<Document>,
    shard: u32,
    limit: u32,
) -> Result<Vec<Removal>, RecordsError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let noted = removals.find(doc! { "shard": i64::from(shard) }).sort(doc! { "_id": 1 });
    read_all(noted.limit(i64::from(limit)).await?, "body", |body| from_json(body, "a removal")).await
}

pub(super) async fn end_removal(removals: Collection<Document>, run: RunId) -> Result<(), RecordsError> {
    removals.delete_one(doc! { "_id": run.to_string() }).await?;
    Ok(())
}

/// The entries of the log before the documents that lead to them.
pub(super) async fn remove_requests(
    database: Database,
    shard: u32,
    requests: Vec<RequestRecord>,
) -> Result<(), RecordsError> {
    let Some(newest) = requests.iter().map(|request| request.seq).max() else { return Ok(()) };
    let rejected = requests.iter().filter(|request| matches!(request.outcome, RequestOutcome::Rejected(_)));
    let rejected: Vec<u64> = rejected.map(|request| request.seq).collect();
    if let Some(last) = rejected.iter().max() {
        put_cursor(&database.collection(CURSORS), shard, Cursor::Removed, *last).await?;
        let places: Vec<_> = rejected.iter().map(|seq| place(shard, *seq)).collect();
        let entries = doc! { "_id": { "$in": places }, "run": { "$exists": false } };
        database.collection::<Document>(LOG).delete_many(entries).await?;
    }
    let ids: Vec<_> = requests.iter().map(|request| request_id(&request.project, &request.key)).collect();
    // A later decision on the same key stays.
    let known = doc! { "_id": { "$in": ids }, "version": { "$lte": int(newest) } };
    database.collection::<Document>(REQUESTS).delete_many(known).await?;
    Ok(())
}

/// The note first and the run's document last: until then it is found again, and whoever reads it meanwhile reads its
/// last state. Its history loses its beginning first, so that nobody takes the rest for a shorter one.
pub(super) async fn remove_run(database: Database, shard: u32, removal: Removal) -> Result<(), RecordsError> {
    let run = removal.run.to_string();
    in_time("remove_run", begin(&database, shard, &removal)).await?;
    let log = database.collection::<Document>(LOG);
    let beginning = async { Ok(log.delete_one(doc! { "run": &run, "number": 1_i64 }).await?) };
    in_time::<_, RecordsError>("remove_run", beginning).await?;
    for collection in [LOG, TASKS] {
        let rows = database.collection::<Document>(collection);
        let all = async { Ok(rows.delete_many(doc! { "run": &run }).await?) };
        in_time::<_, RecordsError>("remove_run", all).await?;
    }
    let runs = database.collection::<Document>(RUNS);
    let document = async { Ok(runs.delete_one(doc! { "_id": &run }).await?) };
    in_time::<_, RecordsError>("remove_run", document).await?;
    Ok(())
}

async fn begin(database: &Database, shard: u32, removal: &Removal) -> Result<(), RecordsError> {
    let note = doc! { "$set": { "shard": i64::from(shard), "body": to_json(removal, "a removal")? } };
    let removals = database.collection::<Document>(REMOVALS);
    removals.update_one(doc! { "_id": removal.run.to_string() }, note).upsert(true).await?;
    put_cursor(&database.collection(CURSORS), shard, Cursor::Removed, removal.seq).await?;
    let keys = vec![(removal.project.clone(), removal.key.clone())];
    let known = requests(database.collection(REQUESTS), keys).await?.into_iter().flatten().next();
    if let Some(mut known) = known.filter(|known| known.outcome == RequestOutcome::Accepted(removal.run)) {
        known.ended_at = Some(removal.ended_at);
        let own = doc! { "_id": request_id(&known.project, &known.key), "version": int(known.seq) };
        let ended = doc! { "$set": { "body": to_json(&known, "a request")?, "ended": true } };
        database.collection::<Document>(REQUESTS).update_one(own, ended).await?;
    }
    Ok(())
}
