//! Opening the records that a configuration names.

use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use crate::contract::SharedRecords;
use crate::error::RecordsError;
use crate::mongo::{self, Mongo};
use crate::sqlite::{self, Sqlite};

/// Where the records are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
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
        #[serde(serialize_with = "without_password")]
        uri: String,
        /// The database that is EmboFlow's alone.
        database: String,
    },
}

/// Written down without what stands before the `@`: it may be a password.
fn without_password<S: Serializer>(uri: &str, serializer: S) -> Result<S::Ok, S::Error> {
    match (uri.split_once("://"), uri.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => {
            serializer.collect_str(&format_args!("{scheme}://[secret]@{host}"))
        }
        _ => serializer.serialize_str(uri),
    }
}

/// Schema versions: what the records have, and what this program knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schema {
    /// Of the records; none where there are none yet.
    pub found: Option<u32>,
    /// Newest that this program knows.
    pub known: u32,
}

/// Looks at the schema and changes nothing, other than [`open`].
pub async fn schema(config: &Config) -> Result<Schema, RecordsError> {
    Ok(match config {
        Config::Sqlite { path } => Schema { found: sqlite::schema_found(path)?, known: sqlite::KNOWN },
        Config::Mongo { uri, database } => {
            Schema { found: Mongo::schema_found(uri, database).await?, known: mongo::KNOWN }
        }
    })
}

/// Opens the records and brings their schema up to date. Errors: [`RecordsError::NewerSchema`],
/// [`RecordsError::Unavailable`] when there is no answer in about 5 seconds.
pub async fn open(config: &Config) -> Result<SharedRecords, RecordsError> {
    Ok(match config {
        Config::Sqlite { path } => Arc::new(Sqlite::open(path).await?),
        Config::Mongo { uri, database } => Arc::new(Mongo::open(uri, database).await?),
    })
}

/// Opens records whose [`schema`] has been found to be that of this program. With MongoDB nothing is written by it, so
/// that rights to read are enough.
pub async fn open_as_is(config: &Config) -> Result<SharedRecords, RecordsError> {
    Ok(match config {
        Config::Sqlite { path } => Arc::new(Sqlite::open(path).await?),
        Config::Mongo { uri, database } => Arc::new(Mongo::open_as_is(uri, database).await?),
    })
}
