//! The records in one SQLite file: WAL, forced to disk at each commit, one writing thread, a few reading ones. Several
//! processes may open the same file.

mod audit;
mod derived;
mod error;
mod kept;
mod log;
mod readers;
mod records;
mod results;
mod retention;
mod runs;
mod schema;
mod stage;
mod transfer;
mod workflows;
mod writer;

pub(crate) use schema::{KNOWN, found as schema_found};
pub(crate) use stage::SqliteStage;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use self::readers::Readers;
use self::writer::{Durability, Writer};
use crate::error::{RecordsError, Unavailability};
use crate::metrics::timed;

/// How long a write waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Several services of one process share them: long lists of one must not keep all of them from the other.
const READERS: usize = 6;
/// Pages (of 4 KiB) of the write-ahead log that are carried over at once: a page of an index that every run changes is
/// written once for thousands of them.
const CHECKPOINT_PAGES: u32 = 4_000;
const NAME: &str = "sqlite";

/// Records in a file.
pub(crate) struct Sqlite {
    writer: Writer,
    readers: Readers,
}

impl Sqlite {
    /// Opens the file, makes it when there is none, and brings its tables up to date.
    pub(crate) async fn open(path: &Path) -> Result<Self, RecordsError> {
        let deadline = Instant::now() + BUSY_TIMEOUT;
        loop {
            let path = path.to_owned();
            let opened = tokio::task::spawn_blocking(move || Self::open_blocking(&path)).await;
            match opened.map_err(|_| RecordsError::closed())? {
                // The change to WAL does not wait for another process that is opening the file.
                Err(error)
                    if error.unavailability() == Some(Unavailability::Busy) && Instant::now() < deadline =>
                {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                answer => return answer,
            }
        }
    }

    fn open_blocking(path: &PathBuf) -> Result<Self, RecordsError> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        let mode: String =
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        if mode != "wal" {
            let detail =
                format!("{} cannot use write-ahead logging (is it on a network drive?)", path.display());
            return Err(RecordsError::Unavailable { reason: Unavailability::Failed, detail });
        }
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
        connection.pragma_update(None, "cache_size", -16_384)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        schema::migrate(&mut connection)?;
        connection.set_prepared_statement_cache_capacity(64);
        let readers = (0..READERS).map(|_| reader(path)).collect::<Result<_, _>>()?;
        Ok(Self { writer: Writer::start(connection)?, readers: Readers::start(readers)? })
    }

    async fn read<T: Send + 'static>(
        &self,
        op: &'static str,
        query: impl FnOnce(&Connection) -> Result<T, RecordsError> + Send + 'static,
    ) -> Result<T, RecordsError> {
        timed(NAME, op, self.readers.run(query)).await
    }

    async fn write<T: Send + 'static>(
        &self,
        op: &'static str,
        durability: Durability,
        work: impl FnOnce(&Connection) -> Result<T, RecordsError> + Send + 'static,
    ) -> Result<T, RecordsError> {
        timed(NAME, op, self.writer.run(durability, work)).await
    }
}

fn reader(path: &Path) -> Result<Connection, RecordsError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "cache_size", -8_192)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// `?, ?, ?`
fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use emboflow_model::{LogEntry, ProjectName, Rejection, Timestamp};
    use serde_json::json;

    use super::*;
    use crate::contract::Records;
    use crate::error::AppendError;

    fn large_entry(seq: u64) -> Arc<LogEntry> {
        Arc::new(LogEntry::Rejection(Rejection {
            shard: 0,
            seq,
            at: Timestamp(0),
            project: ProjectName::new("default").unwrap(),
            key: seq.to_string(),
            body_sha256: String::new(),
            errors: vec![json!("x".repeat(50_000))],
        }))
    }

    async fn limit_pages(records: &Sqlite, pages: u32) {
        let limit = move |connection: &Connection| {
            connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
            Ok::<_, RecordsError>(())
        };
        records.writer.run(Durability::Behind, limit).await.unwrap();
    }

    #[tokio::test]
    async fn reads_go_on_while_a_write_is_under_way() {
        let directory = tempfile::TempDir::new().unwrap();
        let records = Arc::new(Sqlite::open(&directory.path().join("records.db")).await.unwrap());
        records.append(0, vec![large_entry(1)]).await.unwrap();
        let (go_on, waits) = std::sync::mpsc::channel::<()>();
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let writing = tokio::spawn({
            let records = Arc::clone(&records);
            async move {
                let work = move |connection: &Connection| {
                    connection.execute("DELETE FROM log", [])?;
                    begun.send(()).unwrap();
                    waits.recv().unwrap();
                    Ok::<_, RecordsError>(())
                };
                records.writer.run(Durability::OnDisk, work).await
            }
        });
        has_begun.await.unwrap();
        for _ in 0..2 * READERS {
            assert_eq!(records.log_after(0, 0, 10).await.unwrap().len(), 1, "as it was before the write");
        }
        go_on.send(()).unwrap();
        writing.await.unwrap().unwrap();
        assert_eq!(records.log_after(0, 0, 10).await.unwrap().len(), 0);
    }

    #[tokio::test]
    async fn a_full_disk_is_named_and_writing_goes_on_when_there_is_room_again() {
        let directory = tempfile::TempDir::new().unwrap();
        let records = Sqlite::open(&directory.path().join("records.db")).await.unwrap();
        limit_pages(&records, 100).await;
        let mut written = 0;
        let error = loop {
            match records.append(0, vec![large_entry(written + 1)]).await {
                Ok(()) => written += 1,
                Err(error) => break error,
            }
        };
        let AppendError::Unavailable(error) = error else { panic!("{error:?}") };
        assert_eq!(error.unavailability(), Some(Unavailability::DiskFull), "{error}");
        assert_eq!(records.last_seq(0).await.unwrap(), written);

        limit_pages(&records, 100_000).await;
        records.append(0, vec![large_entry(written + 1)]).await.unwrap();
        assert_eq!(records.last_seq(0).await.unwrap(), written + 1);
    }
}
