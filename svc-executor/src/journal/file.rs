//! The journal's file: `<checksum> <json>` lines. A torn last line is what a crash leaves, and is cut off.

use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use emboflow_model::AttemptId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Entry, JournalError, Marks, Replay};

const NAME: &str = "journal";
const CHECKSUM_DIGITS: usize = 12;
/// Released attempts that are remembered, so that a command that comes late for one is known as such.
const TOMBSTONES: usize = 10_000;
/// Below this size the file is never written anew.
const COMPACT_ABOVE_BYTES: u64 = 4 << 20;

pub(super) struct JournalFile {
    folder: PathBuf,
    file: File,
    written: u64,
    compact_at: u64,
    state: State,
}

/// What the file adds up to.
#[derive(Default)]
struct State {
    open: HashMap<AttemptId, Marks>,
    released: VecDeque<(AttemptId, u64)>,
}

#[derive(Serialize)]
struct Written<'a> {
    attempt: &'a AttemptId,
    #[serde(flatten)]
    entry: &'a Entry,
}

#[derive(Deserialize)]
struct Read {
    attempt: AttemptId,
    #[serde(flatten)]
    entry: Entry,
}

impl State {
    fn note(&mut self, attempt: AttemptId, entry: Entry) {
        let Entry::Released { fence } = entry else {
            return self.open.entry(attempt).or_default().note(entry);
        };
        self.open.remove(&attempt);
        self.released.push_back((attempt, fence));
        if self.released.len() > TOMBSTONES {
            self.released.pop_front();
        }
    }
}

impl JournalFile {
    pub(super) fn open(folder: &Path) -> Result<(Self, Replay), JournalError> {
        let fail =
            |doing: &'static str| move |error: std::io::Error| JournalError::new(folder, doing, &error);
        std::fs::create_dir_all(folder).map_err(fail("making the folder"))?;
        let path = folder.join(NAME);
        let mut file = opened(&path).map_err(fail("opening it"))?;
        file.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => {
                let error = std::io::Error::new(ErrorKind::ResourceBusy, "another executor uses it");
                JournalError::new(folder, "locking it", &error)
            }
            std::fs::TryLockError::Error(error) => JournalError::new(folder, "locking it", &error),
        })?;
        let (state, length) = replayed(&file).map_err(fail("reading it"))?;
        file.set_len(length).map_err(fail("cutting off a torn line"))?;
        file.seek(std::io::SeekFrom::End(0)).map_err(fail("finding its end"))?;
        sync_folder(folder).map_err(fail("making its name durable"))?;
        let replay = Replay { open: state.open.clone(), released: state.released.iter().cloned().collect() };
        let compact_at = COMPACT_ABOVE_BYTES.max(length * 2);
        Ok((Self { folder: folder.to_owned(), file, written: length, compact_at, state }, replay))
    }

    /// Appends entries; with `durable` they are on the disk when this returns.
    pub(super) fn write<'a>(
        &mut self,
        entries: impl Iterator<Item = (&'a AttemptId, &'a Entry)>,
        durable: bool,
    ) -> Result<(), JournalError> {
        let mut lines = Vec::new();
        let mut noted = Vec::new();
        for (attempt, entry) in entries {
            add_line(&mut lines, attempt, entry);
            noted.push((attempt.clone(), entry.clone()));
        }
        let written = self.append(&lines, durable);
        written.map_err(|error| JournalError::new(&self.folder, "writing", &error))?;
        for (attempt, entry) in noted {
            self.state.note(attempt, entry);
        }
        if self.written > self.compact_at
            && let Err(error) = self.compact()
        {
            // The entries are written; a disk that is nearly full has room for them, and not for another journal.
            tracing::warn!(%error, bytes = self.written, "the journal could not be written anew; it grows on");
            self.compact_at = self.written + COMPACT_ABOVE_BYTES;
        }
        Ok(())
    }

    fn append(&mut self, lines: &[u8], durable: bool) -> std::io::Result<()> {
        let whole =
            self.file.write_all(lines).and_then(|()| if durable { self.file.sync_data() } else { Ok(()) });
        match whole {
            Ok(()) => self.written += lines.len() as u64,
            Err(_) => {
                // Half a line must not be followed by others: replay would stop there.
                self.file.set_len(self.written)?;
                self.file.seek(std::io::SeekFrom::End(0))?;
            }
        }
        whole
    }

    /// Writes only what is still of use into a new file that takes the old one's place.
    fn compact(&mut self) -> std::io::Result<()> {
        let mut lines = Vec::new();
        for (attempt, fence) in &self.state.released {
            add_line(&mut lines, attempt, &Entry::Released { fence: *fence });
        }
        for (attempt, marks) in &self.state.open {
            for entry in marks.entries() {
                add_line(&mut lines, attempt, &entry);
            }
        }
        let (path, fresh) = (self.folder.join(NAME), self.folder.join("journal.new"));
        let file = written_anew(&fresh, &lines).inspect_err(|_| {
            // What was written of it would keep the disk full.
            let _absent = std::fs::remove_file(&fresh);
        })?;
        std::fs::rename(&fresh, &path)?;
        // From here on the old file has no name: nothing may be written to it, whatever comes.
        self.file = file;
        self.written = lines.len() as u64;
        self.compact_at = COMPACT_ABOVE_BYTES.max(self.written * 2);
        sync_folder(&self.folder)
    }
}

fn written_anew(path: &Path, lines: &[u8]) -> std::io::Result<File> {
    let mut file = opened(path)?;
    file.set_len(0)?;
    file.try_lock().map_err(|_| std::io::Error::new(ErrorKind::ResourceBusy, "another executor uses it"))?;
    file.write_all(lines)?;
    file.sync_all()?;
    Ok(file)
}

fn opened(path: &Path) -> std::io::Result<File> {
    // Environment variables of tasks are in it: for nobody else's eyes.
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

fn add_line(lines: &mut Vec<u8>, attempt: &AttemptId, entry: &Entry) {
    let json =
        serde_json::to_string(&Written { attempt, entry }).expect("entries have only keys that are strings");
    lines.extend_from_slice(format!("{} {json}\n", checksum(json.as_bytes())).as_bytes());
}

fn checksum(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes)[..CHECKSUM_DIGITS / 2])
}

/// The state, and the length of the part that is whole.
fn replayed(file: &File) -> std::io::Result<(State, u64)> {
    let mut reader = BufReader::new(file);
    let (mut state, mut length, mut line) = (State::default(), 0, Vec::new());
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line)?;
        let Some(entry) = parsed(&line) else {
            if read > 0 {
                tracing::warn!(at_byte = length, "the journal ends with a torn line; it is cut off");
            }
            return Ok((state, length));
        };
        state.note(entry.attempt, entry.entry);
        length += read as u64;
    }
}

fn parsed(line: &[u8]) -> Option<Read> {
    let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let (sum, json) = line.split_once(' ')?;
    (sum == checksum(json.as_bytes())).then(|| serde_json::from_str(json).ok())?
}
