//! Writing and reading one sealed file in the place of the backups, piece by piece.

use std::io::Write;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use emboflow_objects::{BodyError, ObjectKey, ObjectStore, Put, StoreError};
use emboflow_protocol::object::StoredObject;
use flate2::Compression;
use flate2::write::{GzDecoder, GzEncoder};
use futures::StreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::error::BackupError;
use crate::key::{BackupKey, hex};
use crate::manifest::Part;
use crate::seal::{Opener, Sealer};

/// Sealed pieces on their way to the store.
const UNDER_WAY: usize = 4;
/// Compressed lines are handed on in pieces of about this size.
const PIECE_BYTES: usize = 128 << 10;

/// Checks a name that this crate has made or a manifest names.
pub(crate) fn object_key(file: &str) -> Result<ObjectKey, BackupError> {
    ObjectKey::parse(file).map_err(|error| BackupError::damaged(file, error))
}

/// A sealed file that is being written. Dropped before [`PartWriter::finish`], it leaves nothing.
pub(crate) struct PartWriter {
    file: String,
    sealer: Sealer,
    pieces: mpsc::Sender<Option<Bytes>>,
    storing: JoinHandle<Result<StoredObject, StoreError>>,
    hasher: Sha256,
    size_bytes: u64,
}

impl PartWriter {
    pub(crate) fn begin(
        store: &Arc<dyn ObjectStore>,
        key: &BackupKey,
        file: &str,
    ) -> Result<Self, BackupError> {
        let (pieces, coming) = mpsc::channel::<Option<Bytes>>(UNDER_WAY);
        let put = Put { key: object_key(file)?, size_bytes: None, sha256: None, only_if_absent: false };
        let store = store.clone();
        let storing = tokio::spawn(async move {
            let mut content = futures::stream::unfold(Some(coming), async |coming| {
                let mut coming = coming?;
                match coming.recv().await {
                    Some(Some(piece)) => Some((Ok(piece), Some(coming))),
                    Some(None) => None,
                    None => {
                        let reason = "the backup was given up".to_owned();
                        Some((Err(BodyError::Aborted { reason }), None))
                    }
                }
            })
            .boxed();
            store.put(put, &mut content).await
        });
        let sealer = Sealer::new(key, file);
        Ok(Self { file: file.to_owned(), sealer, pieces, storing, hasher: Sha256::new(), size_bytes: 0 })
    }

    pub(crate) async fn write(&mut self, content: &[u8]) -> Result<(), BackupError> {
        self.hasher.update(content);
        self.size_bytes += content.len() as u64;
        let sealed = self.sealer.push(content)?;
        if !sealed.is_empty() && self.pieces.send(Some(sealed)).await.is_err() {
            return Err(self.why_it_ended().await);
        }
        Ok(())
    }

    /// Done when it is durable.
    pub(crate) async fn finish(self) -> Result<Part, BackupError> {
        let Self { file, sealer, pieces, storing, hasher, size_bytes } = self;
        let last = sealer.finish()?;
        // Where nobody takes them any more, the outcome says why.
        let _ = pieces.send(Some(last)).await;
        let _ = pieces.send(None).await;
        let stored = outcome(&file, storing.await)?;
        Ok(Part { file, size_bytes, sha256: hex(&hasher.finalize()), sealed_bytes: stored.size_bytes })
    }

    async fn why_it_ended(&mut self) -> BackupError {
        match outcome(&self.file, (&mut self.storing).await) {
            Err(error) => error,
            Ok(_) => BackupError::unavailable(format!("writing `{}`", self.file), "it ended early"),
        }
    }
}

fn outcome(
    file: &str,
    stored: Result<Result<StoredObject, StoreError>, tokio::task::JoinError>,
) -> Result<StoredObject, BackupError> {
    let failed = |detail: String| BackupError::unavailable(format!("writing `{file}`"), detail);
    stored.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))
}

/// Lines of JSON, compressed, into a sealed file.
pub(crate) struct LineWriter {
    part: PartWriter,
    lines: GzEncoder<Vec<u8>>,
}

impl LineWriter {
    pub(crate) fn new(part: PartWriter) -> Self {
        Self { part, lines: GzEncoder::new(Vec::new(), Compression::fast()) }
    }

    pub(crate) async fn line(&mut self, line: &impl Serialize) -> Result<(), BackupError> {
        let failed = |error: &dyn std::fmt::Display| BackupError::unavailable("writing a line", error);
        serde_json::to_writer(&mut self.lines, line).map_err(|error| failed(&error))?;
        self.lines.write_all(b"\n").map_err(|error| failed(&error))?;
        if self.lines.get_ref().len() >= PIECE_BYTES {
            let piece = std::mem::take(self.lines.get_mut());
            self.part.write(&piece).await?;
        }
        Ok(())
    }

    pub(crate) async fn finish(mut self) -> Result<Part, BackupError> {
        let rest =
            self.lines.finish().map_err(|error| BackupError::unavailable("compressing lines", error))?;
        self.part.write(&rest).await?;
        self.part.finish().await
    }
}

/// A sealed file that is being read. Its content is proven piece by piece, and as a whole only at its end.
pub(crate) struct PartReader {
    file: String,
    sealed: emboflow_objects::Chunks,
    opener: Option<Opener>,
    hasher: Sha256,
    size_bytes: u64,
    expected: Option<(u64, String)>,
}

impl PartReader {
    /// Opens a file of a backup; its content must be the one that the manifest tells.
    pub(crate) async fn open(
        store: &Arc<dyn ObjectStore>,
        key: &BackupKey,
        part: &Part,
    ) -> Result<Self, BackupError> {
        let mut reader = Self::open_unknown(store, key, &part.file).await?;
        reader.expected = Some((part.size_bytes, part.sha256.clone()));
        Ok(reader)
    }

    /// Opens a file of which only the name is known.
    pub(crate) async fn open_unknown(
        store: &Arc<dyn ObjectStore>,
        key: &BackupKey,
        file: &str,
    ) -> Result<Self, BackupError> {
        let name = object_key(file)?;
        let opened = store.get(&name, None).await.map_err(BackupError::store(file))?;
        Ok(Self {
            file: file.to_owned(),
            sealed: opened.content,
            opener: Some(Opener::new(key, file)),
            hasher: Sha256::new(),
            size_bytes: 0,
            expected: None,
        })
    }

    /// The next piece of the content; none at the proven end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, BackupError> {
        loop {
            let Some(opener) = &mut self.opener else { return Ok(None) };
            let piece = match self.sealed.next().await {
                Some(Ok(sealed)) => opener.push(&sealed)?,
                Some(Err(BodyError::Aborted { reason })) => {
                    return Err(BackupError::damaged(&self.file, reason));
                }
                Some(Err(error)) => {
                    return Err(BackupError::unavailable(format!("reading `{}`", self.file), error));
                }
                None => {
                    let last = self.opener.take().map(Opener::finish).transpose()?.unwrap_or_default();
                    self.take_in(&last);
                    self.check()?;
                    return Ok((!last.is_empty()).then_some(last));
                }
            };
            if !piece.is_empty() {
                self.take_in(&piece);
                return Ok(Some(piece));
            }
        }
    }

    fn take_in(&mut self, piece: &[u8]) {
        self.hasher.update(piece);
        self.size_bytes += piece.len() as u64;
    }

    fn check(&self) -> Result<(), BackupError> {
        let found = hex(&self.hasher.clone().finalize());
        match &self.expected {
            Some((size_bytes, sha256)) if *size_bytes != self.size_bytes || *sha256 != found => {
                let detail = format!(
                    "it has {} bytes with SHA-256 {found}, noted are {size_bytes} bytes with {sha256}",
                    self.size_bytes
                );
                Err(BackupError::damaged(&self.file, detail))
            }
            _ => Ok(()),
        }
    }

    /// The whole content, which is small.
    pub(crate) async fn all(mut self) -> Result<Bytes, BackupError> {
        let mut all = BytesMut::new();
        while let Some(piece) = self.next().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }
}

/// Lines of JSON out of a sealed file.
pub(crate) struct LineReader {
    part: PartReader,
    lines: Option<GzDecoder<Vec<u8>>>,
    waiting: Vec<u8>,
    at: usize,
}

impl LineReader {
    pub(crate) async fn open(
        store: &Arc<dyn ObjectStore>,
        key: &BackupKey,
        part: &Part,
    ) -> Result<Self, BackupError> {
        let part = PartReader::open(store, key, part).await?;
        Ok(Self { part, lines: Some(GzDecoder::new(Vec::new())), waiting: Vec::new(), at: 0 })
    }

    /// The next line; none at the proven end of the file.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, BackupError> {
        loop {
            if let Some(end) = self.waiting[self.at..].iter().position(|byte| *byte == b'\n') {
                let line = &self.waiting[self.at..self.at + end];
                let read = serde_json::from_slice(line)
                    .map_err(|error| BackupError::damaged(&self.part.file, error))?;
                self.at += end + 1;
                return Ok(Some(read));
            }
            if !self.more().await? {
                return Ok(None);
            }
        }
    }

    async fn more(&mut self) -> Result<bool, BackupError> {
        let Some(lines) = &mut self.lines else { return Ok(false) };
        self.waiting.drain(..std::mem::take(&mut self.at));
        let bad = |file: &str, error: std::io::Error| BackupError::damaged(file, error);
        match self.part.next().await? {
            Some(piece) => {
                lines.write_all(&piece).map_err(|error| bad(&self.part.file, error))?;
                self.waiting.append(lines.get_mut());
            }
            None => {
                if let Some(lines) = self.lines.take() {
                    let mut rest = lines.finish().map_err(|error| bad(&self.part.file, error))?;
                    self.waiting.append(&mut rest);
                }
            }
        }
        Ok(true)
    }
}
