//! Takes bytes from the engine into the spool, and shows them to watchers, until the container has ended and its log
//! was read to the last byte.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use emboflow_bus::Bus;
use emboflow_model::{AttemptId, ExecutorId, ProjectName};
use futures::StreamExt;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::{Cut, Mask, Spool};
use crate::metrics;
use crate::runtime::{Runtime, RuntimeError, Seen};

/// How long a follower may go on after the container's end before the log is read anew.
const DRAIN: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(500);
/// Pieces taken together at most; the engine sends none above 16 KiB, so this bounds what is held in memory.
const PIECES_AT_ONCE: usize = 256;
/// Times that the last reading is tried when the engine answers, but not with the whole log.
const LAST_TRIES: u32 = 60;
/// A container that ends sooner is not followed: its log is read once.
const FOLLOW_AFTER: Duration = Duration::from_millis(200);
/// Bytes a second of one attempt that are shown live; watchers read the rest from storage.
const LIVE_BYTES_PER_SECOND: u64 = 2 << 20;

/// Whose log it is.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) bus: Bus,
    pub(crate) project: ProjectName,
    pub(crate) attempt: AttemptId,
    pub(crate) executor: ExecutorId,
    /// What its log must not show.
    pub(crate) mask: Mask,
}

/// A running pump. It stops when it is dropped.
pub(crate) struct Pump {
    task: AbortOnDropHandle<Spool>,
    ended: CancellationToken,
    disk_full: CancellationToken,
    length: watch::Receiver<u64>,
}

impl Pump {
    /// Starts to pump into `spool`.
    pub(crate) fn start(source: Source, spool: Spool) -> Self {
        let ended = CancellationToken::new();
        let (shown, length) = watch::channel(spool.length());
        let disk_full = CancellationToken::new();
        let work = Work {
            source,
            spool,
            ended: ended.clone(),
            disk_full: disk_full.clone(),
            shown,
            live: LiveBudget::new(),
        };
        let task = AbortOnDropHandle::new(tokio::spawn(work.run()));
        Self { task, ended, disk_full, length }
    }

    /// Cancelled when the disk had no room for the log.
    pub(crate) fn disk_full(&self) -> CancellationToken {
        self.disk_full.clone()
    }

    /// How long the spool is; closed when it can no longer grow.
    pub(crate) fn length(&self) -> watch::Receiver<u64> {
        self.length.clone()
    }

    /// The container has ended: reads its log to the last byte. None only if the pump broke.
    pub(crate) async fn finish(self) -> Option<Spool> {
        self.ended.cancel();
        self.task
            .await
            .inspect_err(|error| tracing::error!(%error, "a log could not be read to its end"))
            .ok()
    }
}

struct Work {
    source: Source,
    spool: Spool,
    ended: CancellationToken,
    disk_full: CancellationToken,
    shown: watch::Sender<u64>,
    live: LiveBudget,
}

/// How far a reading of the engine's log came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// To its end.
    Whole,
    /// The stream broke off.
    Broken,
    /// The engine does not answer.
    EngineAway,
}

impl Work {
    async fn run(mut self) -> Spool {
        let _either = tokio::time::timeout(FOLLOW_AFTER, self.ended.cancelled()).await;
        while !self.ended.is_cancelled() && !self.spool.is_full() {
            let ended = self.ended.clone();
            let overdue = async {
                ended.cancelled().await;
                tokio::time::sleep(DRAIN).await;
            };
            tokio::select! {
                reading = self.read(true) => {
                    if reading != Reading::Whole || !self.ended.is_cancelled() {
                        // The engine is away, or lets go a moment before the container's end is known.
                        let _either = tokio::time::timeout(PAUSE, ended.cancelled()).await;
                    }
                }
                () = overdue => {}
            }
        }
        self.ended.cancelled().await;
        let mut tries = 0;
        while !self.spool.is_full() {
            match self.read(false).await {
                Reading::Whole => break,
                Reading::Broken if tries == LAST_TRIES || self.is_gone().await => {
                    self.spool.give_up(Cut::Lost);
                    break;
                }
                Reading::Broken => tries += 1,
                // It keeps the log of a container that has ended until it is asked to remove it.
                Reading::EngineAway => {}
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.spool
    }

    async fn is_gone(&self) -> bool {
        self.source.runtime.observe(&self.source.attempt).await == Ok(Seen::Absent)
    }

    /// Reads the engine's log from its first byte to the end of the stream.
    async fn read(&mut self, follow: bool) -> Reading {
        let source = self.source.clone();
        // A piece is about a line; what has already arrived is written, shown and sent together.
        let mut pieces = source.runtime.logs(&source.attempt, follow).ready_chunks(PIECES_AT_ONCE);
        // Offsets are those of the log as it is shown: the mask gives the same bytes at each reading.
        let (mut offset, mut masking) = (0, source.mask.begin());
        while let Some(arrived) = pieces.next().await {
            let (bytes, broken) = join(arrived);
            if !self.keep(&mut offset, masking.push(bytes)).await {
                return Reading::Broken;
            }
            if let Some(error) = broken {
                tracing::warn!(attempt = %source.attempt, %error, "reading a log broke off; it is read again");
                let away = matches!(error, RuntimeError::Unreachable { .. });
                return if away { Reading::EngineAway } else { Reading::Broken };
            }
            if self.spool.is_full() {
                return Reading::Whole;
            }
        }
        // What is held back may still become a secret, unless nothing follows.
        if !follow && !self.keep(&mut offset, masking.finish()).await {
            return Reading::Broken;
        }
        Reading::Whole
    }

    /// Takes bytes in; false when the disk does not.
    async fn keep(&mut self, offset: &mut u64, bytes: Bytes) -> bool {
        let Err(error) = self.take(offset, &bytes).await else { return true };
        tracing::error!(attempt = %self.source.attempt, %error, "a log cannot be written to the disk");
        if is_full(&error) {
            self.spool.give_up(Cut::DiskFull);
            self.disk_full.cancel();
        }
        false
    }

    async fn take(&mut self, offset: &mut u64, bytes: &Bytes) -> std::io::Result<()> {
        let first = self.spool.length();
        let fresh = self.spool.take(*offset, bytes)?;
        *offset += bytes.len() as u64;
        if fresh.is_empty() {
            return Ok(());
        }
        metrics::log_taken(&fresh);
        self.shown.send_replace(self.spool.length());
        if self.live.grants(fresh.len() as u64) {
            let Source { bus, project, attempt, executor, .. } = &self.source;
            // Lossy by design: offsets tell watchers what to fetch from storage.
            let _shown = bus.publish_live_log(project, attempt, executor, first, fresh.into()).await;
        }
        Ok(())
    }
}

/// The bytes up to the first error, and that error.
fn join(arrived: Vec<Result<Bytes, RuntimeError>>) -> (Bytes, Option<RuntimeError>) {
    let mut joined = BytesMut::new();
    for piece in arrived {
        match piece {
            Ok(bytes) => joined.extend_from_slice(&bytes),
            Err(error) => return (joined.freeze(), Some(error)),
        }
    }
    (joined.freeze(), None)
}

fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// So many bytes a second are shown live.
struct LiveBudget {
    since: Instant,
    spent: u64,
}

impl LiveBudget {
    fn new() -> Self {
        Self { since: Instant::now(), spent: 0 }
    }

    fn grants(&mut self, bytes: u64) -> bool {
        if self.since.elapsed() >= Duration::from_secs(1) {
            *self = Self::new();
        }
        self.spent += bytes;
        self.spent <= LIVE_BYTES_PER_SECOND
    }
}
