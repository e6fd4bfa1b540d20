//! Reading a log: what is stored, then the newest bytes, without holding more than a few of them.

use std::ops::Range;
use std::time::Duration;

use axum::body::Bytes;
use emboflow_bus::Replay;
use emboflow_model::LogSeal;
use emboflow_model::object_key::log_prefix;
use emboflow_protocol::Subject;
use emboflow_protocol::log::live_subject;
use emboflow_protocol::stream::LOGS;
use futures::{StreamExt, TryStreamExt, stream};

use super::archive::Archive;
use super::lines::TailSearch;
use super::place::{LogState, Place};
use crate::app::App;
use crate::objects::{ByteStream, Objects};
use crate::problem::Outcome;

/// Newest bytes that are held at most; an executor archives each mebibyte.
const NEWEST_MAX_BYTES: usize = 8 * 1024 * 1024;
/// How long the newest bytes may take to come.
const NEWEST_WAIT: Duration = Duration::from_secs(1);
/// Bytes read at a time from the end towards the start.
const BLOCK_BYTES: u64 = 256 * 1024;

/// A log as it was found.
pub(crate) struct Log {
    objects: Objects,
    archive: Archive,
    /// Bytes behind the archive that were still in NATS.
    newest: Bytes,
    /// Bytes that can be read now.
    pub(crate) end: u64,
    /// It can no longer grow.
    pub(crate) is_sealed: bool,
    /// Why bytes are missing.
    pub(crate) truncated: Option<String>,
    /// What comes next, for an open log.
    pub(crate) live: Option<Replay>,
}

impl Log {
    /// Finds out what there is of a log.
    pub(crate) async fn open(app: &App, place: &Place) -> Outcome<Self> {
        let objects = app.objects.clone();
        match &place.state {
            LogState::None => Ok(Self::new(objects, Archive::default(), 0)),
            LogState::Sealed(seal) => {
                let archive = archive_of(&objects, &seal.prefix).await?;
                let end = match seal.truncated.as_deref() {
                    // Nobody was there to say how long it became: it is what was archived.
                    Some(LogSeal::EXECUTOR_LOST) => archive.end(),
                    _ => seal.size_bytes.min(archive.end()),
                };
                let lost = (end < seal.size_bytes).then(|| {
                    tracing::warn!(prefix = seal.prefix, end, "a sealed log is not whole in storage");
                    "storage".to_owned()
                });
                Ok(Self { truncated: seal.truncated.clone().or(lost), ..Self::new(objects, archive, end) })
            }
            LogState::Open { prefix, executor } => {
                let archive = archive_of(&objects, prefix).await?;
                let end = archive.end();
                let mut log = Self { is_sealed: false, ..Self::new(objects, archive, end) };
                if let Some(attempt) = &place.attempt {
                    log.read_newest(app, live_subject(&place.project, attempt, executor)).await;
                }
                Ok(log)
            }
        }
    }

    /// Only what is stored.
    pub(super) fn archived(objects: Objects, archive: Archive) -> Self {
        let end = archive.end();
        Self::new(objects, archive, end)
    }

    fn new(objects: Objects, archive: Archive, end: u64) -> Self {
        Self { objects, archive, newest: Bytes::new(), end, is_sealed: true, truncated: None, live: None }
    }

    /// Takes what NATS still has behind the archive. Without NATS the log is only as new as the archive.
    async fn read_newest(&mut self, app: &App, subject: Subject) {
        if !app.bus.is_connected() {
            return;
        }
        let mut live = match app.bus.replay(&LOGS, subject.clone()).await {
            Ok(live) => live,
            Err(error) => {
                tracing::warn!(%subject, %error, "the newest bytes of a log cannot be read");
                return;
            }
        };
        let mut newest = Vec::new();
        let start = self.end;
        let reading = async {
            while live.pending() > 0 && newest.len() < NEWEST_MAX_BYTES {
                let Some(frame) = live.next().await else { break };
                let next = start + newest.len() as u64;
                if let Some(part) = unseen(frame.headers.log_offset(), &frame.payload, next) {
                    newest.extend_from_slice(&part);
                }
            }
        };
        if tokio::time::timeout(NEWEST_WAIT, reading).await.is_err() {
            tracing::debug!(%subject, "the newest bytes of a log came too slowly");
        }
        self.end = start + newest.len() as u64;
        self.newest = newest.into();
        self.live = Some(live);
    }

    /// Bytes of the log that can be read now. It fails in the middle when storage does.
    pub(crate) fn bytes(&self, part: Range<u64>) -> ByteStream {
        let archived = self.end - self.newest.len() as u64;
        let objects = self.objects.clone();
        let pieces = self.archive.pieces(part.start..part.end.min(archived));
        let stored = stream::iter(pieces)
            .then(move |piece| {
                let objects = objects.clone();
                async move { objects.read(&piece.key, piece.range).await.map_err(std::io::Error::other) }
            })
            .try_flatten();
        let from = part.start.saturating_sub(archived).min(self.newest.len() as u64);
        let to = part.end.saturating_sub(archived).min(self.newest.len() as u64);
        let newest = self.newest.slice(from as usize..to.max(from) as usize);
        let newest = (!newest.is_empty()).then_some(Ok(newest));
        stored.chain(stream::iter(newest)).boxed()
    }

    /// Where the last lines start.
    pub(crate) async fn tail_start(&self, lines: u32) -> Outcome<u64> {
        if lines == 0 {
            return Ok(self.end);
        }
        let mut search = TailSearch::new(lines);
        let mut end = self.end;
        while end > 0 {
            let start = end.saturating_sub(BLOCK_BYTES);
            let block: Vec<Bytes> = self.bytes(start..end).try_collect().await?;
            if let Some(place) = search.take(&block.concat()) {
                return Ok(start + place as u64);
            }
            end = start;
        }
        Ok(0)
    }
}

/// The chunks that are stored of a log.
pub(super) async fn archive_of(objects: &Objects, attempt_prefix: &str) -> Outcome<Archive> {
    Ok(Archive::of_listing(objects.list(&log_prefix(attempt_prefix)).await?))
}

/// What of a frame is not before `next`; none when there is nothing, or a gap before it.
pub(super) fn unseen(offset: Option<u64>, payload: &Bytes, next: u64) -> Option<Bytes> {
    let seen = usize::try_from(next.checked_sub(offset?)?).ok()?;
    (seen < payload.len()).then(|| payload.slice(seen..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_frame_only_the_bytes_that_follow_are_taken() {
        let payload = Bytes::from_static(b"abcd");
        assert_eq!(unseen(Some(10), &payload, 10).as_deref(), Some(&b"abcd"[..]));
        assert_eq!(unseen(Some(10), &payload, 13).as_deref(), Some(&b"d"[..]));
        for (offset, next) in [(Some(10), 14), (Some(10), 99), (Some(10), 9), (None, 0)] {
            assert_eq!(unseen(offset, &payload, next), None, "{offset:?} {next}");
        }
    }
}
