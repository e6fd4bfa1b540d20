//! Records that are made beside those of a configuration, and take their place in one step.

use std::path::PathBuf;

use crate::contract::SharedRecords;
use crate::error::RecordsError;
use crate::mongo::MongoStage;
use crate::open::Config;
use crate::sqlite::SqliteStage;

/// Empty records of the newest schema that nobody else sees until they are put in place.
pub struct Staged {
    records: SharedRecords,
    stage: Stage,
}

enum Stage {
    Sqlite(SqliteStage),
    Mongo(MongoStage),
}

/// Where what was there before is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Former {
    /// There was nothing.
    Nothing,
    /// In this file, until somebody removes it.
    File(PathBuf),
    /// In this database, until the next records are staged.
    Database(String),
}

/// Begins new records beside those of a configuration; what an earlier attempt left is thrown away.
pub async fn stage(config: &Config) -> Result<Staged, RecordsError> {
    Ok(match config {
        Config::Sqlite { path } => {
            let (records, stage) = SqliteStage::begin(path).await?;
            Staged { records, stage: Stage::Sqlite(stage) }
        }
        Config::Mongo { uri, database } => {
            let (records, stage) = MongoStage::begin(uri, database).await?;
            Staged { records, stage: Stage::Mongo(stage) }
        }
    })
}

impl Staged {
    /// The new records.
    pub fn records(&self) -> &SharedRecords {
        &self.records
    }

    /// From now on they are the records of the configuration. No service may have the former ones open: one that has
    /// them goes on with them until it is started again. Errors: the file is in use ([`crate::Unavailability::Busy`]);
    /// after an error the former ones are in place.
    pub async fn put_in_place(self) -> Result<Former, RecordsError> {
        let Self { records, stage } = self;
        drop(records);
        match stage {
            Stage::Sqlite(stage) => stage.put_in_place().await,
            Stage::Mongo(stage) => stage.put_in_place().await,
        }
    }

    /// Throws the new records away.
    pub async fn give_up(self) -> Result<(), RecordsError> {
        let Self { records, stage } = self;
        drop(records);
        match stage {
            Stage::Sqlite(stage) => stage.give_up(),
            Stage::Mongo(stage) => stage.give_up().await,
        }
    }
}
