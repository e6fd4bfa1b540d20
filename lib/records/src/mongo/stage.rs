//! Two databases, of which one is in use: a document of the configured one says which. Changing it is the one step by
//! which staged records take the place of the others.

use std::sync::Arc;

use mongodb::Database;
use mongodb::bson::{Document, doc};

use super::schema::{self, COLLECTIONS, SCHEMA};
use super::{LONG_TIMEOUT, Mongo, in_time, text, within};
use crate::contract::SharedRecords;
use crate::error::RecordsError;
use crate::stage::Former;

/// Behind the configured name: the other one of the two.
pub(super) const OTHER: &str = "_b";
const PLACE: &str = "place";

/// The staged database and the one that says which is in use.
pub(crate) struct MongoStage {
    configured: Database,
    former: Option<String>,
    staged: Database,
}

/// The database in use.
pub(super) async fn in_use(configured: &Database) -> Result<Database, RecordsError> {
    let said = configured.collection::<Document>(SCHEMA).find_one(doc! { "_id": PLACE }).await?;
    Ok(match said {
        None => configured.clone(),
        Some(said) => configured.client().database(text(&said, "database")?),
    })
}

impl MongoStage {
    pub(crate) async fn begin(uri: &str, name: &str) -> Result<(SharedRecords, Self), RecordsError> {
        let configured = Mongo::connect(uri, name).await?;
        let used = in_time("stage", in_use(&configured)).await?;
        let other = if used.name() == name { format!("{name}{OTHER}") } else { name.to_owned() };
        let staged = configured.client().database(&other);
        within(LONG_TIMEOUT, "stage", empty(&staged)).await?;
        within(LONG_TIMEOUT, "migrate", schema::migrate(&staged)).await?;
        let former = in_time("stage", is_used(&used)).await?.then(|| used.name().to_owned());
        let records = Arc::new(Mongo { database: staged.clone() });
        Ok((records, Self { configured, former, staged }))
    }

    pub(crate) async fn put_in_place(self) -> Result<Former, RecordsError> {
        let said = doc! { "$set": { "database": self.staged.name() } };
        let schema = self.configured.collection::<Document>(SCHEMA);
        let switch = async {
            Ok::<_, RecordsError>(schema.update_one(doc! { "_id": PLACE }, said).upsert(true).await?)
        };
        in_time("put_in_place", switch).await?;
        if self.staged.name() != self.configured.name() {
            in_time("put_in_place", schema::close(&self.configured)).await?;
        }
        Ok(self.former.map_or(Former::Nothing, Former::Database))
    }

    pub(crate) async fn give_up(self) -> Result<(), RecordsError> {
        within(LONG_TIMEOUT, "give_up", empty(&self.staged)).await
    }
}

async fn is_used(database: &Database) -> Result<bool, RecordsError> {
    super::transfer::holds_anything(database.clone()).await
}

/// All but the word about which database is in use, which may lie in this one.
async fn empty(database: &Database) -> Result<(), RecordsError> {
    for collection in COLLECTIONS {
        database.collection::<Document>(collection).delete_many(doc! {}).await?;
    }
    let own = doc! { "_id": { "$ne": PLACE } };
    database.collection::<Document>(SCHEMA).delete_many(own).await?;
    Ok(())
}
