//! The records in a MongoDB database: majority and journaled writes of single documents; no transactions, no change
//! streams, and no command beyond find, insert, update, delete, count and indexes.

mod audit;
mod derived;
mod error;
mod kept;
mod log;
mod records;
mod results;
mod retention;
mod runs;
mod schema;
mod stage;
mod transfer;
mod users;
mod workflows;

pub(crate) use schema::KNOWN;
pub(crate) use stage::MongoStage;
pub use users::{Duty, UserError, make_mongo_user};

use std::time::Duration;

use futures::TryStreamExt;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::{
    Acknowledgment, ClientOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern,
};
use mongodb::{Client, Collection, Cursor, Database};

use crate::error::{RecordsError, Unavailability};
use crate::metrics::timed;

const NAME: &str = "mongo";
/// How long a reachable primary is looked for.
const SELECTION_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the server may wait for a majority before it says that there is none.
const MAJORITY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an answer is waited for; the server may still carry it out afterwards.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// How long work is waited for that grows with the data: indexes that are made, a database that is emptied.
const LONG_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// Records in a database.
pub(crate) struct Mongo {
    database: Database,
}

impl Mongo {
    /// Connects, and makes the indexes that are missing.
    pub(crate) async fn open(uri: &str, database: &str) -> Result<Self, RecordsError> {
        let configured = Self::connect(uri, database).await?;
        let database = in_time("open", stage::in_use(&configured)).await?;
        within(LONG_TIMEOUT, "migrate", schema::migrate(&database)).await?;
        Ok(Self { database })
    }

    /// Connects and changes nothing: the schema is known to be that of this program.
    pub(crate) async fn open_as_is(uri: &str, database: &str) -> Result<Self, RecordsError> {
        let configured = Self::connect(uri, database).await?;
        Ok(Self { database: in_time("open", stage::in_use(&configured)).await? })
    }

    /// The schema version of what is there, if anything is; changes nothing.
    pub(crate) async fn schema_found(uri: &str, database: &str) -> Result<Option<u32>, RecordsError> {
        let configured = Self::connect(uri, database).await?;
        let database = in_time("open", stage::in_use(&configured)).await?;
        in_time("schema", schema::found(&database)).await
    }

    async fn connect(uri: &str, database: &str) -> Result<Database, RecordsError> {
        let mut options = ClientOptions::parse(uri).await?;
        options.app_name = Some("emboflow".to_owned());
        options.server_selection_timeout = Some(SELECTION_TIMEOUT);
        options.connect_timeout = Some(SELECTION_TIMEOUT);
        // These are the promises; a weaker setting in the connection string is not taken over.
        options.write_concern = Some(write_concern());
        options.read_concern = Some(ReadConcern::majority());
        options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        Ok(Client::with_options(options)?.database(database))
    }

    fn collection(&self, name: &str) -> Collection<Document> {
        self.database.collection(name)
    }

    /// Runs an operation and waits for it no longer than [`ANSWER_TIMEOUT`].
    async fn run<T, E>(
        &self,
        op: &'static str,
        operation: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<RecordsError> + Send + 'static,
    {
        self.run_long(op, in_time(op, operation)).await
    }

    /// Runs an operation of many commands. It has a task of its own: a caller that goes away must not cut the driver
    /// off in the middle.
    async fn run_long<T, E>(
        &self,
        op: &'static str,
        operation: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<RecordsError> + Send + 'static,
    {
        let answer = timed(NAME, op, tokio::spawn(operation)).await;
        answer.unwrap_or_else(|_| Err(RecordsError::closed().into()))
    }
}

/// Gives up after [`ANSWER_TIMEOUT`].
async fn in_time<T, E: From<RecordsError>>(
    op: &'static str,
    operation: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    within(ANSWER_TIMEOUT, op, operation).await
}

async fn within<T, E: From<RecordsError>>(
    time: Duration,
    op: &'static str,
    operation: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    tokio::time::timeout(time, operation).await.unwrap_or_else(|_| {
        let detail = format!("no answer to {op} in {} s", time.as_secs());
        Err(RecordsError::Unavailable { reason: Unavailability::Timeout, detail }.into())
    })
}

fn write_concern() -> WriteConcern {
    WriteConcern::builder().w(Acknowledgment::Majority).journal(true).w_timeout(MAJORITY_TIMEOUT).build()
}

/// The same for a command that is put together by hand.
fn write_concern_document() -> Document {
    doc! { "w": "majority", "j": true, "wtimeout": MAJORITY_TIMEOUT.as_millis() as i64 }
}

/// Places and versions as the server's integers; they never come near the end of the range.
fn int(value: u64) -> Bson {
    Bson::Int64(i64::try_from(value).unwrap_or(i64::MAX))
}

/// Everything a cursor gives, read from one field of each document.
async fn read_all<T>(
    cursor: Cursor<Document>,
    field: &str,
    read: impl Fn(&str) -> Result<T, RecordsError>,
) -> Result<Vec<T>, RecordsError> {
    let documents: Vec<Document> = cursor.try_collect().await?;
    documents.iter().map(|document| read(text(document, field)?)).collect()
}

fn text<'d>(document: &'d Document, field: &str) -> Result<&'d str, RecordsError> {
    document
        .get_str(field)
        .map_err(|error| RecordsError::corrupt(format!("field {field} of a document"), error))
}
