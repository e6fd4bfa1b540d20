//! Opening the records that a configuration names.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

use crate::contract::SharedRecords;
use crate::error::RecordsError;
use crate::mongo::Mongo;
use crate::sqlite::Sqlite;

/// Where the records are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Config {
    /// A file of this machine; made when it is not there. Its directory must be there.
    Sqlite {
        /// The file.
        path: PathBuf,
    },
    /// A MongoDB deployment.
    Mongo {
        /// Connection string, such as `mongodb://user:password@host:27017/?replicaSet=rs0`.
        uri: String,
        /// The database that is EmboFlow's alone.
        database: String,
    },
}

/// Opens the records and brings their schema up to date. Errors: [`RecordsError::NewerSchema`],
/// [`RecordsError::Unavailable`] when there is no answer in about 5 seconds.
pub async fn open(config: &Config) -> Result<SharedRecords, RecordsError> {
    Ok(match config {
        Config::Sqlite { path } => Arc::new(Sqlite::open(path).await?),
        Config::Mongo { uri, database } => Arc::new(Mongo::open(uri, database).await?),
    })
}
