//! Where a case keeps its records.

use emboflow_records::testing::MongoServer;
use emboflow_records::{Config, SharedRecords, open};
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

    /// Each call is as another process would do it.
    pub(crate) async fn open(&self) -> SharedRecords {
        open(&self.config).await.unwrap()
    }
}
