//! Takes bytes from the engine into the spool, and shows them to watchers, until the container has ended and its log
//! was read to the last byte.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use emboflow_bus::Bus;
use emboflow_model::{AttemptId, ProjectName};
use futures::StreamExt;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::Spool;
use crate::metrics;
use crate::runtime::{Runtime, RuntimeError};

/// How long a follower may go on after the container's end before the log is read anew.
const DRAIN: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(500);
/// Pieces taken together at most; the engine sends none above 16 KiB, so this bounds what is held in memory.
const PIECES_AT_ONCE: usize = 256;
/// Times that the last reading is tried when the engine does not answer.
const LAST_TRIES: u32 = 60;
/// Bytes a second of one attempt that are shown live; watchers read the rest from storage.
const LIVE_BYTES_PER_SECOND: u64 = 2 << 20;

/// Whose log it is.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) bus: Bus,
    pub(crate) project: ProjectName,
    pub(crate) attempt: AttemptId,
}

/// A running pump. It stops when it is dropped.
pub(crate) struct Pump {
    task: AbortOnDropHandle<Spool>,
    ended: CancellationToken,
    length: watch::Receiver<u64>,
}

impl Pump {
    /// Starts to pump into `spool`.
    pub(crate) fn start(source: Source, spool: Spool) -> Self {
        let ended = CancellationToken::new();
        let (shown, length) = watch::channel(spool.length());
        let work = Work { source, spool, ended: ended.clone(), shown, live: LiveBudget::new() };
        Self { task: AbortOnDropHandle::new(tokio::spawn(work.run())), ended, length }
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
    shown: watch::Sender<u64>,
    live: LiveBudget,
}

impl Work {
    async fn run(mut self) -> Spool {
        while !self.ended.is_cancelled() && !self.spool.is_full() {
            let ended = self.ended.clone();
            let overdue = async {
                ended.cancelled().await;
                tokio::time::sleep(DRAIN).await;
            };
            tokio::select! {
                whole = self.read(true) => {
                    if !whole || !self.ended.is_cancelled() {
                        // The engine is away, or lets go a moment before the container's end is known.
                        let _either = tokio::time::timeout(PAUSE, ended.cancelled()).await;
                    }
                }
                () = overdue => {}
            }
        }
        self.ended.cancelled().await;
        for _ in 0..LAST_TRIES {
            if self.spool.is_full() || self.read(false).await {
                return self.spool;
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.spool.give_up();
        self.spool
    }

    /// Reads the engine's log from its first byte to the end of the stream. False: the stream broke.
    async fn read(&mut self, follow: bool) -> bool {
        let source = self.source.clone();
        // A piece is about a line; what has already arrived is written, shown and sent together.
        let mut pieces = source.runtime.logs(&source.attempt, follow).ready_chunks(PIECES_AT_ONCE);
        let mut offset = 0;
        while let Some(arrived) = pieces.next().await {
            let (bytes, broken) = join(arrived);
            let taken = self.take(&mut offset, &bytes).await.and(broken.map_or(Ok(()), Err));
            if let Err(error) = taken {
                tracing::warn!(attempt = %source.attempt, error, "reading a log broke off; it is read again");
                return false;
            }
            if self.spool.is_full() {
                break;
            }
        }
        true
    }

    async fn take(&mut self, offset: &mut u64, bytes: &Bytes) -> Result<(), String> {
        let first = self.spool.length();
        let fresh = self.spool.take(*offset, bytes).map_err(|error| format!("writing the spool: {error}"))?;
        *offset += bytes.len() as u64;
        if fresh.is_empty() {
            return Ok(());
        }
        metrics::log_taken(fresh.len());
        self.shown.send_replace(self.spool.length());
        if self.live.grants(fresh.len() as u64) {
            let Source { bus, project, attempt, .. } = &self.source;
            // Lossy by design: offsets tell watchers what to fetch from storage.
            let _shown = bus.publish_live_log(project, attempt, first, fresh.into()).await;
        }
        Ok(())
    }
}

/// The bytes up to the first error, and that error.
fn join(arrived: Vec<Result<Bytes, RuntimeError>>) -> (Bytes, Option<String>) {
    let mut joined = BytesMut::new();
    for piece in arrived {
        match piece {
            Ok(bytes) => joined.extend_from_slice(&bytes),
            Err(error) => return (joined.freeze(), Some(error.to_string())),
        }
    }
    (joined.freeze(), None)
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
