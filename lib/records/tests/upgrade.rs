//! Records that the first version wrote are brought up to date, and say the same as before.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use emboflow_model::{LogEntry, RunState};
use emboflow_records::testing::MongoServer;
use emboflow_records::{Config, RequestOutcome, RunFilter, SharedRecords, TaskFilter, open, rebuild, schema};
use flate2::read::GzDecoder;
use mongodb::bson::Document;
use serde_json::Value;
use tempfile::TempDir;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/system/fixtures").join(name)
}

/// The records of a data directory as they were when its process was killed: with a write-ahead log.
fn first_file(dir: &TempDir) -> Config {
    let unpacked = Command::new("tar")
        .arg("xzf")
        .arg(fixture("first-version.tar.gz"))
        .arg("-C")
        .arg(dir.path())
        .status()
        .unwrap();
    assert!(unpacked.success());
    Config::Sqlite { path: dir.path().join("first-version/records/emboflow.db") }
}

async fn first_database(server: &MongoServer) -> Config {
    let config = server.fresh_config();
    let Config::Mongo { uri, database } = &config else { panic!("a database") };
    let database = mongodb::Client::with_uri_str(uri).await.unwrap().database(database);
    let mut text = String::new();
    let file = std::fs::File::open(fixture("first-version.mongo.ndjson.gz")).unwrap();
    GzDecoder::new(file).read_to_string(&mut text).unwrap();
    for line in text.lines() {
        let mut line: Value = serde_json::from_str(line).unwrap();
        let document: Document = serde_json::from_value(line["document"].take()).unwrap();
        let collection = database.collection::<Document>(line["collection"].as_str().unwrap());
        collection.insert_one(document).await.unwrap();
    }
    config
}

async fn states(records: &SharedRecords) -> Vec<RunState> {
    let filter = RunFilter { limit: 100, ..RunFilter::of("default".parse().unwrap()) };
    let mut rows = records.runs(filter).await.unwrap().rows;
    rows.sort_by_key(|run| run.id);
    rows.into_iter().map(|run| run.state).collect()
}

/// What is read is the same before and after the documents are made again from the log, and the log goes on.
async fn says_the_same(records: &SharedRecords, expected: &[RunState]) {
    assert_eq!(states(records).await, expected);
    let filter = RunFilter { limit: 100, ..RunFilter::of("default".parse().unwrap()) };
    let before = records.runs(filter.clone()).await.unwrap().rows;
    let mut tasks = Vec::new();
    for run in &before {
        tasks.push(records.tasks(run.id, TaskFilter { limit: 100, ..TaskFilter::default() }).await.unwrap());
    }
    rebuild(&**records, 0).await.unwrap();
    assert_eq!(records.runs(filter).await.unwrap().rows, before);
    for (run, known) in before.iter().zip(&tasks) {
        let again = records.tasks(run.id, TaskFilter { limit: 100, ..TaskFilter::default() }).await.unwrap();
        assert_eq!(again, *known);
    }
    let known = records.request(&"default".parse().unwrap(), "second").await.unwrap().unwrap();
    assert!(matches!(known.outcome, RequestOutcome::Accepted(_)));
    let last = records.last_seq(0).await.unwrap();
    let entries = records.log_after(0, 0, 1_000).await.unwrap();
    assert_eq!(entries.last().map(LogEntry::seq), Some(last));
    assert!(records.keep("key", "", "new", None, "{}".to_owned()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_file_of_the_first_version_says_the_same_after_the_upgrade() {
    let dir = TempDir::new().unwrap();
    let config = first_file(&dir);
    let found = schema(&config).await.unwrap();
    assert!(found.found == Some(2) && found.known > 2, "{found:?}");
    let records = open(&config).await.unwrap();
    assert_eq!(schema(&config).await.unwrap().found, Some(found.known));
    let (failed, succeeded, running) = (RunState::Failed, RunState::Succeeded, RunState::Running);
    says_the_same(&records, &[failed, succeeded, failed, running]).await;
    let name = "first-version".parse().unwrap();
    let newest = records.workflow(&"default".parse().unwrap(), &name, None).await.unwrap().unwrap();
    assert_eq!(newest.row.version, 3);
}

#[tokio::test]
async fn a_database_of_the_first_version_says_the_same_after_the_upgrade() {
    let server = MongoServer::start().await.unwrap();
    let config = first_database(&server).await;
    let found = schema(&config).await.unwrap();
    assert!(found.found == Some(2) && found.known > 2, "{found:?}");
    let records = open(&config).await.unwrap();
    assert_eq!(schema(&config).await.unwrap().found, Some(found.known));
    says_the_same(&records, &[RunState::Succeeded, RunState::Running]).await;
    let rejected = records.request(&"default".parse().unwrap(), "bad").await.unwrap().unwrap();
    assert!(matches!(rejected.outcome, RequestOutcome::Rejected(_)));
}

/// Puts a field that nobody knows into every object of a text.
fn with_unknown_fields(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(with_unknown_fields);
            fields.insert("of_a_newer_version".to_owned(), serde_json::json!({ "n": 1 }));
        }
        Value::Array(items) => items.iter_mut().for_each(with_unknown_fields),
        _ => {}
    }
}

/// Fields whose names are the caller's: nothing may be added there without changing what they say.
const OWN_NAMES: [&str; 3] = ["inputs", "labels", "by_state"];

#[tokio::test]
async fn entries_with_fields_of_a_newer_version_are_read_as_if_they_had_none() {
    let dir = TempDir::new().unwrap();
    let records = open(&first_file(&dir)).await.unwrap();
    for entry in records.log_after(0, 0, 1_000).await.unwrap() {
        let mut newer = serde_json::to_value(&entry).unwrap();
        let known = newer.clone();
        with_unknown_fields(&mut newer);
        keep_own_names(&mut newer, &known);
        let read: LogEntry = serde_json::from_value(newer).unwrap();
        assert_eq!(read, entry);
    }
}

fn keep_own_names(newer: &mut Value, known: &Value) {
    match (newer, known) {
        (Value::Object(newer), Value::Object(known)) => {
            for (name, field) in known {
                if OWN_NAMES.contains(&name.as_str()) || name == "errors" {
                    newer.insert(name.clone(), field.clone());
                } else if let Some(inner) = newer.get_mut(name) {
                    keep_own_names(inner, field);
                }
            }
        }
        (Value::Array(newer), Value::Array(known)) => {
            newer.iter_mut().zip(known).for_each(|(newer, known)| keep_own_names(newer, known));
        }
        _ => {}
    }
}
