//! Where a case keeps its records.

use emboflow_records::testing::MongoServer;
use emboflow_records::{Config, Removal, SharedRecords, open};
use mongodb::bson::{Document, doc};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// One server for all cases; it ends with the process.
static SERVER: OnceCell<MongoServer> = OnceCell::const_new();

/// Fresh records, and what has to live as long as they do.
pub(crate) struct Place {
    config: Config,
    _directory: Option<TempDir>,
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("records.db");
        Self { config: Config::Sqlite { path }, _directory: Some(directory) }
    }

    pub(crate) async fn mongo() -> Self {
        let server = SERVER.get_or_init(|| async { MongoServer::start().await.unwrap() }).await;
        Self { config: server.fresh_config(), _directory: None }
    }

    /// Leaves the records as a process does that is killed while it removes a run.
    pub(crate) async fn break_off_removal(&self, removal: &Removal) {
        let (run, body) = (removal.run.to_string(), serde_json::to_string(removal).unwrap());
        match &self.config {
            Config::Sqlite { path } => {
                let file = rusqlite::Connection::open(path).unwrap();
                file.execute("INSERT INTO removals VALUES (?1, 0, ?2)", [&run, &body]).unwrap();
                file.execute("DELETE FROM log WHERE run = ?1 AND number < 3", [&run]).unwrap();
            }
            Config::Mongo { uri, database } => {
                let client = mongodb::Client::with_uri_str(uri).await.unwrap();
                let database = client.database(database);
                let note = doc! { "_id": &run, "shard": 0_i64, "body": body };
                database.collection::<Document>("removals").insert_one(note).await.unwrap();
                let log = database.collection::<Document>("log");
                log.delete_many(doc! { "run": &run, "number": { "$lt": 3 } }).await.unwrap();
            }
        }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Each call is as another process would do it.
    pub(crate) async fn open(&self) -> SharedRecords {
        open(&self.config).await.unwrap()
    }
}
