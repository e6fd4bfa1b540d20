//! Tables of the SQLite records, as a list of steps from one schema version to the next.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::error::RecordsError;

/// Marks the file as EmboFlow's: "EmbF".
const APPLICATION_ID: i64 = 0x456d_6246;

/// Step `n` leads from version `n` to `n + 1`. A step that was released is never changed.
const STEPS: &[&str] = &[
    include_str!("schema-1.sql"),
    include_str!("schema-2.sql"),
    include_str!("schema-3.sql"),
    include_str!("schema-4.sql"),
    include_str!("schema-5.sql"),
    include_str!("schema-6.sql"),
];

/// Newest version that this program knows.
pub(crate) const KNOWN: u32 = STEPS.len() as u32;

/// The version of a file; none where there is no file. Changes nothing.
pub(crate) fn found(path: &Path) -> Result<Option<u32>, RecordsError> {
    if !path.exists() {
        return Ok(None);
    }
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    Ok(Some(connection.pragma_query_value(None, "user_version", |row| row.get(0))?))
}

/// Makes the tables, or brings them up to date. Errors: [`RecordsError::NewerSchema`], and
/// [`RecordsError::Corrupt`] for another program's file.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), RecordsError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let application: i64 = transaction.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: u32 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let known = STEPS.len() as u32;
    if application != APPLICATION_ID && tables > 0 {
        return Err(RecordsError::corrupt("the records file", "it is another program's database"));
    }
    if version > known {
        return Err(RecordsError::NewerSchema { found: version, known });
    }
    if version < known {
        for step in &STEPS[version as usize..] {
            transaction.execute_batch(step)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", known)?;
        tracing::info!(from = version, to = known, "records schema is up to date");
    }
    transaction.commit()?;
    Ok(())
}
