//! Records that this program must not touch are refused, and left as they are.

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
    assert!(matches!(error, RecordsError::NewerSchema { found: 99, known: 1 }), "{error:?}");
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
    assert!(matches!(error, RecordsError::NewerSchema { found: 99, known: 1 }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_reported_within_seconds() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let uri = format!("mongodb://127.0.0.1:{port}/?directConnection=true");
    let error = refusal(&Config::Mongo { uri, database: "x".to_owned() }).await;
    assert_eq!(error.unavailability(), Some(Unavailability::Unreachable), "{error:?}");
}
