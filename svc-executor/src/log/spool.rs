//! The log of an attempt on the executor's disk, as far as the limit lets it grow.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

pub(super) const NAME: &str = "log";
/// Bytes of the beginning that are kept in memory for the judgement of the end.
const HEAD_BYTES: usize = 512;

/// Raw bytes in the order in which they came. The engine's log is read again from its first byte after every
/// interruption; what the spool has already is compared, not written again.
pub(crate) struct Spool {
    path: PathBuf,
    file: Option<File>,
    limit: u64,
    length: u64,
    line_feeds: u64,
    last_byte: Option<u8>,
    hash: Sha256,
    head: Vec<u8>,
    cut: Option<Cut>,
    diverged: bool,
}

/// Why bytes of a log are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The log reached its limit, or the engine let go of a part.
    Limit,
    /// The executor's disk was full.
    DiskFull,
    /// The container engine did not give the rest.
    Lost,
}

impl Cut {
    /// The word in a seal.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Limit => "log_limit",
            Self::DiskFull => "disk_full",
            Self::Lost => "engine_lost",
        }
    }
}

/// What is known of a log that can no longer grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sum {
    /// Bytes kept.
    pub(crate) size_bytes: u64,
    /// Line feeds, plus one for a last line without.
    pub(crate) lines: u64,
    /// SHA-256 in hex.
    pub(crate) sha256: String,
    /// Why bytes were dropped, if any were.
    pub(crate) cut: Option<Cut>,
}

impl Spool {
    /// Whether an earlier process left something of the attempt with this folder, as far as can be told.
    pub(crate) fn is_in(folder: &Path) -> bool {
        folder.join(NAME).try_exists().unwrap_or(true)
    }

    /// Opens the spool of the attempt with this folder, with what an earlier process left in it.
    pub(crate) fn open(folder: &Path, limit: u64) -> std::io::Result<Self> {
        let mut spool = Self {
            path: folder.join(NAME),
            file: None,
            limit,
            length: 0,
            line_feeds: 0,
            last_byte: None,
            hash: Sha256::new(),
            head: Vec::new(),
            cut: None,
            diverged: false,
        };
        let mut left = match File::open(&spool.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(spool),
            other => other?,
        };
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = left.read(&mut buffer)?;
            if read == 0 {
                return Ok(spool);
            }
            spool.count(&buffer[..read]);
        }
    }

    /// Bytes that are in it.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Nothing more is kept: the rest need not be read.
    pub(crate) fn is_full(&self) -> bool {
        self.cut.is_some()
    }

    /// Why bytes are missing, if any are.
    pub(crate) fn cut(&self) -> Option<Cut> {
        self.cut
    }

    /// Bytes are missing at the end: the seal must say so.
    pub(crate) fn give_up(&mut self, cut: Cut) {
        self.cut = self.cut.or(Some(cut));
    }

    /// The first bytes.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Takes bytes that stand at `offset` of the engine's log, and gives those that are new. What lies before the
    /// spool's end must equal what is in it; if it does not, the engine has dropped the beginning of its log, and the
    /// bytes are appended as they come (the seal will say that some are missing).
    pub(crate) fn take(&mut self, offset: u64, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        let known =
            if self.diverged { 0 } else { self.length.saturating_sub(offset).min(bytes.len() as u64) };
        let known = usize::try_from(known).unwrap_or(bytes.len());
        let known = if known > 0 && !self.holds(offset, &bytes[..known])? {
            self.diverged = true;
            self.give_up(Cut::Limit);
            0
        } else {
            known
        };
        let fresh = &bytes[known..];
        let room = usize::try_from(self.limit.saturating_sub(self.length)).unwrap_or(usize::MAX);
        let kept = &fresh[..fresh.len().min(room)];
        if kept.len() < fresh.len() {
            self.give_up(Cut::Limit);
        }
        if !kept.is_empty() {
            self.append(kept)?;
        }
        Ok(kept.to_vec())
    }

    /// Reads up to `most` bytes from `offset`.
    pub(crate) fn read(&self, offset: u64, most: u64) -> std::io::Result<Vec<u8>> {
        let size = usize::try_from(self.length.saturating_sub(offset).min(most)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; size];
        if size > 0 {
            File::open(&self.path)?.read_exact_at(&mut bytes, offset)?;
        }
        Ok(bytes)
    }

    /// What a seal says of it.
    pub(crate) fn sum(&self) -> Sum {
        let open_line = u64::from(self.last_byte.is_some_and(|byte| byte != b'\n'));
        let digest = self.hash.clone().finalize();
        Sum {
            size_bytes: self.length,
            lines: self.line_feeds + open_line,
            sha256: hex::encode(digest),
            cut: self.cut,
        }
    }

    fn holds(&self, offset: u64, bytes: &[u8]) -> std::io::Result<bool> {
        Ok(self.read(offset, bytes.len() as u64)? == bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        if self.file.is_none() {
            if let Some(folder) = self.path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            self.file = Some(OpenOptions::new().append(true).create(true).open(&self.path)?);
        }
        let file = self.file.as_mut().expect("opened above");
        if let Err(error) = file.write_all(bytes) {
            // Half of it must not stay: offsets would no longer agree.
            file.set_len(self.length)?;
            return Err(error);
        }
        self.count(bytes);
        Ok(())
    }

    fn count(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        self.line_feeds += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.last_byte = bytes.last().copied().or(self.last_byte);
        self.hash.update(bytes);
        let room = HEAD_BYTES - self.head.len();
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spool(limit: u64) -> (tempfile::TempDir, Spool) {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), limit).unwrap();
        (folder, spool)
    }

    #[test]
    fn a_log_that_is_read_again_from_the_start_is_kept_once() {
        let (folder, mut spool) = spool(1_000);
        spool.take(0, b"one\ntw").unwrap();
        drop(spool);
        let mut spool = Spool::open(folder.path(), 1_000).unwrap();
        assert_eq!(spool.take(0, b"one").unwrap(), b"");
        assert_eq!(spool.take(3, b"\ntwo\nth").unwrap(), b"o\nth");
        assert_eq!(spool.read(0, 99).unwrap(), b"one\ntwo\nth");
        let sum = spool.sum();
        assert_eq!((sum.size_bytes, sum.lines, sum.cut), (10, 3, None));
    }

    #[test]
    fn bytes_beyond_the_limit_are_dropped_and_the_seal_says_so() {
        let (_folder, mut spool) = spool(5);
        assert_eq!(spool.take(0, b"1234567").unwrap(), b"12345");
        assert!(spool.is_full());
        assert_eq!(spool.take(7, b"89").unwrap(), b"");
        assert_eq!((spool.sum().size_bytes, spool.sum().cut), (5, Some(Cut::Limit)));
    }

    #[test]
    fn a_log_that_fills_the_limit_exactly_is_whole() {
        let (_folder, mut spool) = spool(3);
        spool.take(0, b"12\n").unwrap();
        assert!(!spool.is_full() && spool.sum().cut.is_none());
        assert_eq!(spool.sum().lines, 1);
    }

    #[test]
    fn a_beginning_that_the_engine_dropped_is_told_from_bytes_that_are_known() {
        let (_folder, mut spool) = spool(100);
        spool.take(0, b"aaaa").unwrap();
        assert_eq!(spool.take(0, b"bbbbcc").unwrap(), b"bbbbcc");
        assert_eq!(spool.take(6, b"dd").unwrap(), b"dd");
        assert_eq!(spool.sum().cut, Some(Cut::Limit));
    }

    #[test]
    fn an_empty_log_has_no_lines_and_makes_no_file() {
        let (folder, spool) = spool(10);
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(spool.sum(), Sum { size_bytes: 0, lines: 0, sha256: empty.into(), cut: None });
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
