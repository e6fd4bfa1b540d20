//! Reads stored files in pieces, the next piece ahead of the caller.

use super::blocking;
use super::layout::Layout;
use super::seal::{SEAL_BYTES, Seal};
use super::writing::is_absence;
use crate::body::{BodyError, Chunks};
use crate::error::StoreError;
use crate::key::ObjectKey;
use crate::range::RangeRequest;
use crate::store::{Meta, Opened};
use bytes::Bytes;
use emboflow_model::Timestamp;
use futures::StreamExt;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::task::JoinHandle;

const PIECE_BYTES: u64 = 256 * 1024;

pub(super) async fn head(layout: &Arc<Layout>, key: &ObjectKey) -> Result<Meta, StoreError> {
    let (layout, key) = (layout.clone(), key.clone());
    blocking(move || open(&layout, &key).map(|(_, meta)| meta)).await
}

pub(super) async fn get(
    layout: &Arc<Layout>,
    key: &ObjectKey,
    range: Option<RangeRequest>,
) -> Result<Opened, StoreError> {
    let (layout, key) = (layout.clone(), key.clone());
    let (file, meta, range, first) = blocking(move || {
        let (file, meta) = open(&layout, &key)?;
        let range = match range {
            Some(range) => range.resolve(meta.size_bytes)?,
            None => 0..meta.size_bytes,
        };
        let first =
            piece(&file, &range).map_err(|error| StoreError::io(format!("reading `{key}`"), &error))?;
        Ok((file, meta, range, first))
    })
    .await?;
    Ok(Opened { meta, range: range.clone(), content: pieces(file, range, first) })
}

fn open(layout: &Layout, key: &ObjectKey) -> Result<(File, Meta), StoreError> {
    let failed = |error: io::Error| StoreError::io(format!("opening `{key}`"), &error);
    let damaged = |detail: String| StoreError::Damaged { key: key.to_string(), detail };
    let file = File::open(layout.place(key).1).map_err(|error| match is_absence(&error) {
        true => StoreError::NotFound { key: key.to_string() },
        false => failed(error),
    })?;
    let about = file.metadata().map_err(failed)?;
    let Some(seal_at) = about.len().checked_sub(SEAL_BYTES) else {
        return Err(damaged("its file is too short to have a seal".to_owned()));
    };
    let mut seal = [0; SEAL_BYTES as usize];
    file.read_exact_at(&mut seal, seal_at).map_err(failed)?;
    let seal = Seal::decode(&seal, about.len()).map_err(damaged)?;
    let modified_at = about.modified().map(timestamp).unwrap_or_default();
    Ok((
        file,
        Meta {
            size_bytes: seal.size_bytes,
            sha256: Some(seal.sha256),
            modified_at,
            etag: None,
            content_type: None,
        },
    ))
}

pub(super) fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp(time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64))
}

fn piece(file: &File, range: &Range<u64>) -> io::Result<Bytes> {
    let mut bytes = vec![0; (range.end - range.start).min(PIECE_BYTES) as usize];
    file.read_exact_at(&mut bytes, range.start)?;
    Ok(bytes.into())
}

/// What is left to read: the next piece, and the position behind it.
struct Ahead {
    file: Arc<File>,
    end: u64,
    position: u64,
    next: Option<JoinHandle<io::Result<Bytes>>>,
}

impl Ahead {
    fn advance(&mut self, bytes: u64) {
        self.position += bytes;
        let (file, rest) = (self.file.clone(), self.position..self.end);
        self.next = (!rest.is_empty()).then(|| tokio::task::spawn_blocking(move || piece(&file, &rest)));
    }

    async fn next(mut self) -> Option<(Result<Bytes, BodyError>, Self)> {
        let failed = |reason: String| Err(BodyError::Aborted { reason });
        let read = match self.next.take()?.await {
            Ok(Ok(bytes)) => {
                self.advance(bytes.len() as u64);
                Ok(bytes)
            }
            Ok(Err(error)) => failed(error.to_string()),
            Err(error) => failed(error.to_string()),
        };
        Some((read, self))
    }
}

fn pieces(file: File, range: Range<u64>, first: Bytes) -> Chunks {
    let mut ahead = Ahead { file: Arc::new(file), end: range.end, position: range.start, next: None };
    ahead.advance(first.len() as u64);
    let at_hand = (!first.is_empty()).then_some(Ok(first));
    futures::stream::iter(at_hand).chain(futures::stream::unfold(ahead, Ahead::next)).boxed()
}
