//! Collections and indexes of the MongoDB records.

use mongodb::bson::{Document, doc};
use mongodb::options::IndexOptions;
use mongodb::{Database, IndexModel};

use crate::error::RecordsError;

pub(super) const LOG: &str = "log";
pub(super) const CURSORS: &str = "cursors";
pub(super) const RUNS: &str = "runs";
pub(super) const TASKS: &str = "tasks";
pub(super) const REQUESTS: &str = "requests";
pub(super) const WORKFLOWS: &str = "workflows";
pub(super) const SETTINGS: &str = "settings";
const SCHEMA: &str = "schema";

/// Version of the collections' form; grows with every change that an older program would not understand.
const KNOWN: u32 = 1;

/// Makes the indexes that are missing. Errors: [`RecordsError::NewerSchema`].
pub(super) async fn migrate(database: &Database) -> Result<(), RecordsError> {
    let schema = database.collection::<Document>(SCHEMA);
    let found = schema.find_one(doc! { "_id": "version" }).await?;
    if let Some(found) = found {
        let version =
            found.get_i32("number").map_err(|error| RecordsError::corrupt("the schema's version", error))?;
        let version = u32::try_from(version).unwrap_or(u32::MAX);
        if version > KNOWN {
            return Err(RecordsError::NewerSchema { found: version, known: KNOWN });
        }
    }
    make_indexes(database).await?;
    let number = KNOWN as i32;
    schema.update_one(doc! { "_id": "version" }, doc! { "$set": { "number": number } }).upsert(true).await?;
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
    ];
    database.collection::<Document>(RUNS).create_indexes(runs.map(plain)).await?;
    let tasks = [doc! { "run": 1, "position": 1, "state": 1, "name": 1 }, doc! { "shard": 1 }];
    database.collection::<Document>(TASKS).create_indexes(tasks.map(plain)).await?;
    database.collection::<Document>(REQUESTS).create_index(plain(doc! { "shard": 1 })).await?;
    let newest = plain(doc! { "project": 1, "name": 1, "version": -1 });
    database.collection::<Document>(WORKFLOWS).create_index(newest).await?;
    Ok(())
}

fn plain(keys: Document) -> IndexModel {
    IndexModel::builder().keys(keys).build()
}
