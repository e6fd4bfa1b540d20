//! The executor's own memory on disk: one append-only file with a line an entry. Entries that are given side by side
//! share one fsync, so that a burst of short attempts costs as many as the disk can do and no more.

mod entry;
mod file;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use emboflow_model::AttemptId;
use tokio::sync::{mpsc, oneshot};

pub(crate) use entry::{Entry, Marks, Stopping};
use file::JournalFile;

/// Lines that one write takes at most.
const BATCH: usize = 4_096;

/// The journal could not be read or written.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the journal in {folder}: {detail}")]
pub(crate) struct JournalError {
    folder: String,
    detail: String,
}

impl JournalError {
    fn new(folder: &Path, doing: &str, error: &std::io::Error) -> Self {
        Self { folder: folder.display().to_string(), detail: format!("{doing}: {error}") }
    }
}

/// Writes entries in order from one thread. Clones share it; the file is closed when the last one is gone.
#[derive(Clone)]
pub(crate) struct Journal {
    lines: mpsc::UnboundedSender<Line>,
    folder: Arc<str>,
}

struct Line {
    attempt: AttemptId,
    entry: Entry,
    durable: Option<oneshot::Sender<Result<(), JournalError>>>,
}

impl Journal {
    /// Opens the journal in `folder` and replays it: what is known of each attempt that was not released, and the
    /// attempts that were, oldest first.
    ///
    /// # Errors
    /// The folder cannot be used, or another executor uses it.
    pub(crate) fn open(folder: &Path) -> Result<(Self, Replay), JournalError> {
        let (file, replay) = JournalFile::open(folder)?;
        let (lines, taken) = mpsc::unbounded_channel();
        let thread = std::thread::Builder::new().name("journal".to_owned()).spawn(move || write(file, taken));
        thread.map_err(|error| JournalError::new(folder, "starting its thread", &error))?;
        Ok((Self { lines, folder: folder.display().to_string().into() }, replay))
    }

    /// Writes an entry: it survives the end of this process, and a power cut from the next [`Journal::commit`] on.
    pub(crate) fn append(&self, attempt: &AttemptId, entry: Entry) {
        // The thread only ends with the last sender; what it cannot write it logs and tells those who commit.
        let _thread_lives = self.lines.send(Line { attempt: attempt.clone(), entry, durable: None });
    }

    /// Writes an entry and waits until it would survive a power cut.
    pub(crate) async fn commit(&self, attempt: &AttemptId, entry: Entry) -> Result<(), JournalError> {
        let (durable, done) = oneshot::channel();
        let ended =
            || JournalError { folder: self.folder.to_string(), detail: "its thread has ended".to_owned() };
        let line = Line { attempt: attempt.clone(), entry, durable: Some(durable) };
        self.lines.send(line).map_err(|_| ended())?;
        done.await.map_err(|_| ended())?
    }
}

/// What a journal held when it was opened.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    /// Attempts that are still to be reported or carried out.
    pub(crate) open: HashMap<AttemptId, Marks>,
    /// Attempts that are done with, and their fences; a command for one of them that has no greater one is out of date.
    pub(crate) released: Vec<(AttemptId, u64)>,
}

fn write(mut file: JournalFile, mut lines: mpsc::UnboundedReceiver<Line>) {
    let mut batch = Vec::new();
    while let Some(first) = lines.blocking_recv() {
        batch.push(first);
        while batch.len() < BATCH {
            match lines.try_recv() {
                Ok(line) => batch.push(line),
                Err(_) => break,
            }
        }
        let durable = batch.iter().any(|line| line.durable.is_some());
        let written = file.write(batch.iter().map(|line| (&line.attempt, &line.entry)), durable);
        if let Err(error) = &written {
            tracing::error!(%error, "the journal cannot be written");
        }
        for line in batch.drain(..) {
            if let Some(durable) = line.durable {
                let _nobody_waits = durable.send(written.clone());
            }
        }
    }
}

#[cfg(test)]
#[path = "journal/tests.rs"]
mod tests;
