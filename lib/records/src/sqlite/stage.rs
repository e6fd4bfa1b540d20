//! A new file beside the one in use; renaming it is the one step by which it takes that one's place.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::Connection;

use super::Sqlite;
use crate::contract::SharedRecords;
use crate::error::{RecordsError, Unavailability};
use crate::stage::Former;

/// How long the threads of records that have been closed may take to let go of the file.
const LET_GO: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The new file and the place it is for.
pub(crate) struct SqliteStage {
    place: PathBuf,
    staged: PathBuf,
}

impl SqliteStage {
    pub(crate) async fn begin(place: &Path) -> Result<(SharedRecords, Self), RecordsError> {
        let staged = beside(place, "restoring");
        remove(&staged)?;
        let records = Sqlite::open(&staged).await?;
        Ok((Arc::new(records), Self { place: place.to_owned(), staged }))
    }

    pub(crate) async fn put_in_place(self) -> Result<Former, RecordsError> {
        make_one_file(&self.staged).await?;
        let former = self.set_aside().await?;
        fs::rename(&self.staged, &self.place).map_err(|error| failed("putting", &self.place, &error))?;
        sync_folder(&self.place)?;
        Ok(former)
    }

    /// A second name for the file in use: until the rename it keeps its first one too.
    async fn set_aside(&self) -> Result<Former, RecordsError> {
        if !self.place.exists() {
            return Ok(Former::Nothing);
        }
        let moment = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let former = beside(&self.place, &format!("before-restore-{moment}"));
        match make_one_file(&self.place).await {
            Ok(()) => {
                fs::hard_link(&self.place, &former)
                    .map_err(|error| failed("keeping", &self.place, &error))?;
            }
            Err(error) if error.unavailability() == Some(Unavailability::Busy) => return Err(error),
            // Damaged, or another program's: nothing in it is of use to anybody before the switch.
            Err(_) => {
                for suffix in ["-wal", "-shm", ""] {
                    move_if_there(&with_suffix(&self.place, suffix), &with_suffix(&former, suffix))?;
                }
            }
        }
        Ok(Former::File(former))
    }

    pub(crate) fn give_up(self) -> Result<(), RecordsError> {
        remove(&self.staged)
    }
}

/// Brings what the write-ahead log has into the file itself, and leaves WAL: no second file belongs to it then. Nobody
/// else may have it open.
async fn make_one_file(path: &Path) -> Result<(), RecordsError> {
    let deadline = Instant::now() + LET_GO;
    loop {
        let path = path.to_owned();
        let made = tokio::task::spawn_blocking(move || fold(&path)).await;
        match made.map_err(|_| RecordsError::closed())? {
            Err(error)
                if error.unavailability() == Some(Unavailability::Busy) && Instant::now() < deadline =>
            {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            outcome => return outcome,
        }
    }
}

fn fold(path: &Path) -> Result<(), RecordsError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::ZERO)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "DELETE", |row| row.get(0))?;
    if mode != "delete" {
        let detail = format!("{} is in use: stop the services first", path.display());
        return Err(RecordsError::Unavailable { reason: Unavailability::Busy, detail });
    }
    drop(connection);
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|error| failed("making durable", path, &error))
}

fn remove(path: &Path) -> Result<(), RecordsError> {
    for suffix in ["-wal", "-shm", "-journal", ""] {
        let path = with_suffix(path, suffix);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(failed("removing", &path, &error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn move_if_there(from: &Path, to: &Path) -> Result<(), RecordsError> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("moving", from, &error)),
        _ => Ok(()),
    }
}

fn sync_folder(path: &Path) -> Result<(), RecordsError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| failed("making durable", folder, &error))
}

fn beside(path: &Path, word: &str) -> PathBuf {
    with_suffix(path, &format!(".{word}"))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn failed(doing: &str, path: &Path, error: &std::io::Error) -> RecordsError {
    let reason = match error.kind() {
        ErrorKind::StorageFull => Unavailability::DiskFull,
        _ => Unavailability::Failed,
    };
    RecordsError::Unavailable { reason, detail: format!("{doing} {}: {error}", path.display()) }
}
