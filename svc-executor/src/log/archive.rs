//! Brings the spool into storage, chunk by chunk, while the container runs and to the end.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use emboflow_model::{LogSeal, object_key};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::Sum;
use crate::metrics;
use crate::store::{Store, Trouble};

/// Bytes that are brought away at once, without waiting for the time to pass.
const CHUNK_BYTES: u64 = 1 << 20;
const CHUNK_BYTES_MAX: u64 = 4 << 20;
/// Time after which also fewer bytes are brought away.
const CHUNK_TIME: Duration = Duration::from_secs(5);

/// A running archive. It stops when it is dropped.
pub(crate) struct Archive {
    task: AbortOnDropHandle<Result<(), Trouble>>,
}

impl Archive {
    /// Starts to bring the spool in `folder` below `prefix`, as far as `length` says.
    pub(crate) fn start(
        store: Arc<Store>,
        prefix: String,
        folder: PathBuf,
        length: watch::Receiver<u64>,
    ) -> Self {
        let work = Work { store, prefix, folder, length };
        Self { task: AbortOnDropHandle::new(tokio::spawn(work.run())) }
    }

    /// Waits until everything is in storage. The length must be closed.
    pub(crate) async fn finish(self) -> Result<(), Trouble> {
        self.task.await.unwrap_or_else(|error| Err(Trouble::Passing(format!("the archive broke: {error}"))))
    }
}

/// Writes the seal, which comes after the last chunk. An empty log needs no object: its seal travels in the report.
pub(crate) async fn seal(store: &Store, prefix: &str, sum: &Sum) -> Result<LogSeal, Trouble> {
    let seal = LogSeal {
        prefix: prefix.to_owned(),
        size_bytes: sum.size_bytes,
        lines: sum.lines,
        sha256: sum.sha256.clone(),
        truncated: sum.cut.map(|cut| cut.word().to_owned()),
    };
    if seal.size_bytes > 0 || seal.truncated.is_some() {
        let json = serde_json::to_vec(&seal).expect("a seal has only keys that are strings");
        store.put(&object_key::log_seal(prefix), json.into()).await?;
    }
    Ok(seal)
}

struct Work {
    store: Arc<Store>,
    prefix: String,
    folder: PathBuf,
    length: watch::Receiver<u64>,
}

impl Work {
    async fn run(mut self) -> Result<(), Trouble> {
        // What was under way when the process ended is brought again, with the same borders.
        let mut next = match last_chunk(&self.folder) {
            Some((start, end)) => {
                let _grows = self.length.wait_for(|length| *length >= end).await.is_ok();
                // A power cut can have taken spooled bytes that the engine had not kept either.
                let end = end.min(*self.length.borrow());
                if start < end {
                    self.bring(start, end).await?;
                }
                end
            }
            None => 0,
        };
        loop {
            let (open, since) = self.wait(next).await;
            let length = *self.length.borrow();
            while next < length {
                let end = length.min(next + CHUNK_BYTES_MAX);
                let folder = self.folder.clone();
                on_disk(move || note_chunk(&folder, next, end)).await?;
                self.bring(next, end).await?;
                metrics::log_stored(since.elapsed());
                next = end;
            }
            if !open && next >= *self.length.borrow() {
                return Ok(());
            }
        }
    }

    /// Waits until a chunk is due; gives when its first byte came. False: the spool grows no more.
    async fn wait(&mut self, from: u64) -> (bool, Instant) {
        if self.length.wait_for(|length| *length > from).await.is_err() {
            return (false, Instant::now());
        }
        let since = Instant::now();
        let enough = self.length.wait_for(|length| *length >= from + CHUNK_BYTES);
        (!matches!(tokio::time::timeout(CHUNK_TIME, enough).await, Ok(Err(_))), since)
    }

    async fn bring(&self, start: u64, end: u64) -> Result<(), Trouble> {
        let folder = self.folder.clone();
        let bytes = on_disk(move || read_spool(&folder, start, end)).await?;
        self.store.put(&object_key::log_chunk(&self.prefix, start), bytes).await
    }
}

/// Off the threads that serve everything else: a busy disk takes its time.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Trouble> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    done.map_err(|error| Trouble::Lasting(format!("the spooled log: {error}")))
}

fn read_spool(folder: &Path, start: u64, end: u64) -> std::io::Result<Bytes> {
    use std::os::unix::fs::FileExt;
    let mut bytes = vec![0; usize::try_from(end - start).unwrap_or(usize::MAX)];
    File::open(folder.join(super::spool::NAME))?.read_exact_at(&mut bytes, start)?;
    Ok(bytes.into())
}

/// The borders of chunks are written down before they are brought, so that a chunk never gets two lengths.
fn note_chunk(folder: &Path, start: u64, end: u64) -> std::io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).open(folder.join("chunks"))?;
    file.write_all(format!("{start} {end}\n").as_bytes())?;
    file.sync_data()
}

fn last_chunk(folder: &Path) -> Option<(u64, u64)> {
    let text = std::fs::read_to_string(folder.join("chunks")).ok()?;
    let whole = &text[..=text.rfind('\n')?];
    let (start, end) = whole.lines().last()?.split_once(' ')?;
    Some((start.parse().ok()?, end.parse().ok()?)).filter(|(start, end)| start < end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_whole_border_is_found_after_a_crash() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(last_chunk(folder.path()), None);
        note_chunk(folder.path(), 0, 10).unwrap();
        note_chunk(folder.path(), 10, 25).unwrap();
        assert_eq!(last_chunk(folder.path()), Some((10, 25)));
        let torn = folder.path().join("chunks");
        std::fs::write(&torn, "0 10\n10 2").unwrap();
        assert_eq!(last_chunk(folder.path()), Some((0, 10)));
    }
}
