//! Collections and indexes of the MongoDB records.

use futures::TryStreamExt;
use mongodb::bson::{Document, doc};
use mongodb::options::IndexOptions;
use mongodb::{Database, IndexModel};
use serde_json::Value;

use super::text;
use crate::entry::from_json;
use crate::error::RecordsError;

pub(super) const LOG: &str = "log";
pub(super) const CURSORS: &str = "cursors";
pub(super) const RUNS: &str = "runs";
pub(super) const TASKS: &str = "tasks";
pub(super) const REQUESTS: &str = "requests";
pub(super) const REMOVALS: &str = "removals";
pub(super) const WORKFLOWS: &str = "workflows";
pub(super) const SETTINGS: &str = "settings";
pub(super) const KEPT: &str = "kept";
pub(super) const AUDIT: &str = "audit";
pub(super) const SCHEMA: &str = "schema";

/// All but the schema's own.
pub(super) const COLLECTIONS: [&str; 10] =
    [LOG, CURSORS, RUNS, TASKS, REQUESTS, REMOVALS, WORKFLOWS, SETTINGS, KEPT, AUDIT];

/// Version of the collections' form; grows with every change that an older program would not understand.
pub(crate) const KNOWN: u32 = 5;

/// Makes the indexes that are missing. Errors: [`RecordsError::NewerSchema`].
pub(super) async fn migrate(database: &Database) -> Result<(), RecordsError> {
    let schema = database.collection::<Document>(SCHEMA);
    if let Some(version) = found(database).await? {
        if version > KNOWN {
            return Err(RecordsError::NewerSchema { found: version, known: KNOWN });
        }
        if version < 2 {
            name_repeated_runs(database).await?;
        }
    }
    make_indexes(database).await?;
    let number = KNOWN as i32;
    schema.update_one(doc! { "_id": "version" }, doc! { "$set": { "number": number } }).upsert(true).await?;
    Ok(())
}

/// The version of what is there; none in an empty database.
pub(super) async fn found(database: &Database) -> Result<Option<u32>, RecordsError> {
    let schema = database.collection::<Document>(SCHEMA);
    let Some(found) = schema.find_one(doc! { "_id": "version" }).await? else { return Ok(None) };
    let version =
        found.get_i32("number").map_err(|error| RecordsError::corrupt("the schema's version", error))?;
    Ok(Some(u32::try_from(version).unwrap_or(u32::MAX)))
}

/// Nobody knows this version: a program that does not know of two databases must not go on with the former one.
pub(super) async fn close(database: &Database) -> Result<(), RecordsError> {
    let schema = database.collection::<Document>(SCHEMA);
    let closed = doc! { "$set": { "number": i32::MAX } };
    schema.update_one(doc! { "_id": "version" }, closed).upsert(true).await?;
    Ok(())
}

/// In version 1 only a run's text says which run it repeats.
async fn name_repeated_runs(database: &Database) -> Result<(), RecordsError> {
    let runs = database.collection::<Document>(RUNS);
    let repeating = doc! { "body": { "$regex": "\"recovered_from\":\"" } };
    let mut found = runs.find(repeating).projection(doc! { "body": 1 }).await?;
    while let Some(document) = found.try_next().await? {
        let run: Value = from_json(text(&document, "body")?, "a run")?;
        if let Some(repeated) = run["recovered_from"].as_str() {
            let named = doc! { "$set": { "recovered_from": repeated } };
            runs.update_one(doc! { "_id": text(&document, "_id")? }, named).await?;
        }
    }
    Ok(())
}

async fn make_indexes(database: &Database) -> Result<(), RecordsError> {
    // Rejections have neither field, so a sparse index leaves them out.
    let unique = IndexOptions::builder().unique(true).sparse(true).build();
    let by_run = IndexModel::builder().keys(doc! { "run": 1, "number": 1 }).options(unique).build();
    database.collection::<Document>(LOG).create_index(by_run).await?;
    // State and workflow at the end: filters are tested in the index, and only rows of the page are looked up.
    let runs = [
        doc! { "project": 1, "created": 1, "_id": 1, "state": 1, "workflow": 1 },
        doc! { "project": 1, "finished": 1, "_id": 1, "state": 1, "workflow": 1 },
        doc! { "project": 1, "duration": 1, "_id": 1, "state": 1, "workflow": 1 },
        doc! { "project": 1, "state": 1 },
        doc! { "project": 1, "labels": 1, "created": 1, "_id": 1 },
        doc! { "shard": 1, "open": 1, "_id": 1 },
        doc! { "shard": 1, "finished": 1, "_id": 1 },
    ];
    database.collection::<Document>(RUNS).create_indexes(runs.map(plain)).await?;
    let sparse = IndexOptions::builder().sparse(true).build();
    let repeated = IndexModel::builder().keys(doc! { "recovered_from": 1 }).options(sparse).build();
    database.collection::<Document>(RUNS).create_index(repeated).await?;
    let tasks = [doc! { "run": 1, "position": 1, "state": 1, "name": 1 }, doc! { "shard": 1 }];
    database.collection::<Document>(TASKS).create_indexes(tasks.map(plain)).await?;
    let tasks = [doc! { "result": 1, "finished": -1 }, doc! { "taken_over_from": 1 }];
    let [by_result, by_origin] = tasks.map(|keys| {
        let sparse = IndexOptions::builder().sparse(true).build();
        IndexModel::builder().keys(keys).options(sparse).build()
    });
    database.collection::<Document>(TASKS).create_indexes([by_result, by_origin]).await?;
    let by_place = plain(doc! { "shard": 1, "version": 1 });
    database.collection::<Document>(REQUESTS).create_index(by_place).await?;
    database.collection::<Document>(REMOVALS).create_index(plain(doc! { "shard": 1, "_id": 1 })).await?;
    let audit = [doc! { "at": 1, "_id": 1 }, doc! { "project": 1, "at": 1, "_id": 1 }];
    database.collection::<Document>(AUDIT).create_indexes(audit.map(plain)).await?;
    let newest = plain(doc! { "project": 1, "name": 1, "version": -1 });
    database.collection::<Document>(WORKFLOWS).create_index(newest).await?;
    Ok(())
}

fn plain(keys: Document) -> IndexModel {
    IndexModel::builder().keys(keys).build()
}
