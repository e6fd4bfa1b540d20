//! Records that this program must not touch are refused, and left as they are; older ones are brought up to date.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use emboflow_records::testing::MongoServer;
use emboflow_records::{Config, RecordsError, Unavailability, open};
use mongodb::bson::doc;
use rusqlite::Connection;
use tempfile::TempDir;

async fn refusal(config: &Config) -> RecordsError {
    open(config).await.err().expect("it must be refused")
}

#[tokio::test]
async fn a_file_of_a_newer_program_is_refused() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("records.db");
    let config = Config::Sqlite { path: path.clone() };
    drop(open(&config).await.unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = refusal(&config).await;
    assert!(matches!(error, RecordsError::NewerSchema { found: 99, known: 6 }), "{error:?}");
    assert!(error.to_string().contains("use the newer program"), "{error}");
}

#[tokio::test]
async fn another_programs_database_is_refused() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("places.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
    let error = refusal(&Config::Sqlite { path: path.clone() }).await;
    assert!(error.to_string().contains("another program"), "{error}");
    let tables: u32 = Connection::open(&path)
        .unwrap()
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 1);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("notes.txt");
    std::fs::write(&path, "not a database at all, but long enough to look at. ".repeat(50)).unwrap();
    let error = refusal(&Config::Sqlite { path }).await;
    assert!(matches!(error, RecordsError::Corrupt { .. }), "{error:?}");
    let nowhere = refusal(&Config::Sqlite { path: directory.path().join("no/such/folder/records.db") }).await;
    assert!(matches!(nowhere, RecordsError::Unavailable { .. }), "{nowhere:?}");
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused() {
    let server = MongoServer::start().await.unwrap();
    let config = Config::Mongo { uri: server.uri(), database: "newer".to_owned() };
    drop(open(&config).await.unwrap());
    let client = mongodb::Client::with_uri_str(server.uri()).await.unwrap();
    let schema = client.database("newer").collection::<mongodb::bson::Document>("schema");
    schema.update_one(doc! { "_id": "version" }, doc! { "$set": { "number": 99 } }).await.unwrap();
    let error = refusal(&config).await;
    assert!(matches!(error, RecordsError::NewerSchema { found: 99, known: 5 }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_reported_within_seconds() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let uri = format!("mongodb://127.0.0.1:{port}/?directConnection=true");
    let error = refusal(&Config::Mongo { uri, database: "x".to_owned() }).await;
    assert_eq!(error.unavailability(), Some(Unavailability::Unreachable), "{error:?}");
}

/// A program of version 1 has left a run, and one that repeats it.
fn leave_version_1(path: &std::path::Path) {
    let file = Connection::open(path).unwrap();
    file.execute_batch(include_str!("../src/sqlite/schema-1.sql")).unwrap();
    let run = |id: &str, repeats: &str| {
        let insert = "INSERT INTO runs VALUES (?1, 0, 1, 'default', 'digits', 'failed', 0, 1, 2, 1, ?2)";
        let body = format!(r#"{{"id": "{id}"{repeats}}}"#);
        file.execute(insert, [id, &body]).unwrap();
    };
    run("run-1", "");
    run("run-2", r#", "recovered_from": "run-1""#);
    file.pragma_update(None, "application_id", 0x456d_6246).unwrap();
    file.pragma_update(None, "user_version", 1).unwrap();
}

#[tokio::test]
async fn a_file_of_an_older_program_is_brought_up_to_date() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("records.db");
    leave_version_1(&path);
    drop(open(&Config::Sqlite { path: path.clone() }).await.unwrap());
    let file = Connection::open(&path).unwrap();
    let repeats: Vec<(String, Option<String>)> = file
        .prepare("SELECT id, recovered_from FROM runs ORDER BY id")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let expected = [("run-1".to_owned(), None), ("run-2".to_owned(), Some("run-1".to_owned()))];
    assert_eq!(repeats, expected);
}

#[tokio::test]
async fn a_database_of_an_older_program_is_brought_up_to_date() {
    let server = MongoServer::start().await.unwrap();
    let config = Config::Mongo { uri: server.uri(), database: "older".to_owned() };
    let client = mongodb::Client::with_uri_str(server.uri()).await.unwrap();
    let (schema, runs) =
        (client.database("older").collection("schema"), client.database("older").collection("runs"));
    schema.insert_one(doc! { "_id": "version", "number": 1 }).await.unwrap();
    for (id, body) in
        [("run-1", r#"{"id":"run-1"}"#), ("run-2", r#"{"id":"run-2","recovered_from":"run-1"}"#)]
    {
        runs.insert_one(doc! { "_id": id, "body": body }).await.unwrap();
    }
    drop(open(&config).await.unwrap());
    let repeating = runs.find_one(doc! { "recovered_from": "run-1" }).await.unwrap().unwrap();
    assert_eq!(repeating.get_str("_id").unwrap(), "run-2");
    let version = schema.find_one(doc! { "_id": "version" }).await.unwrap().unwrap();
    assert_eq!(version.get_i32("number").unwrap(), 5);
}
