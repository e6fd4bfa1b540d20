//! Following a log: what there is, then each new byte, until the attempt is over and everything of it was sent.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use emboflow_bus::{Frame as BusFrame, Replay};
use emboflow_model::AttemptId;
use futures::future::OptionFuture;
use futures::{Stream, StreamExt, stream};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};
use tokio::time::MissedTickBehavior;
use tokio_stream::wrappers::ReceiverStream;

use super::lossy::LossyFrames;
use super::place::{self, LogState, Place};
use super::read::{Log, archive_of, unseen};
use crate::app::App;
use crate::limits::OpenStream;
use crate::live::ears::Ears;
use crate::live::frame::Frame;
use crate::live::listener::ALIVE_EVERY;
use crate::problem::Outcome;

/// Pieces between the follower and its connection.
const PIECES: usize = 8;
/// Frames were lost: how often the archive is asked whether it has the bytes meanwhile.
const GAP_EVERY: Duration = Duration::from_secs(1);
/// Who takes nothing for so long has gone away without saying so.
const STUCK_AFTER: Duration = Duration::from_secs(300);

/// The caller is gone or may not read on, or storage failed; either way the stream ends here.
struct Ended;

struct Follower {
    app: App,
    ears: Ears,
    place: Place,
    to: mpsc::Sender<io::Result<Bytes>>,
    /// The next byte to send.
    next: u64,
    /// Not to be passed.
    last: Option<u64>,
}

/// What tells that an attempt is over. To be had before the task is read, so that no end is missed.
pub(crate) type Changes = broadcast::Receiver<Arc<Frame>>;

/// Who follows a log.
pub(crate) struct Reader {
    pub(crate) ears: Ears,
    /// Counted until the body ends.
    pub(crate) open: OpenStream,
}

/// What is followed: the log from `from` on, up to `last` or its end.
pub(crate) struct Part {
    pub(crate) place: Place,
    pub(crate) log: Log,
    pub(crate) from: u64,
    pub(crate) last: Option<u64>,
}

/// The body, for as long as the reader may read it.
pub(crate) fn body(app: App, Reader { ears, open }: Reader, part: Part, changes: Changes) -> Body {
    let (to, pieces) = mpsc::channel(PIECES);
    let shutdown = app.shutdown.clone();
    let Part { place, log, from, last } = part;
    let follower = Follower { app, ears, place, to, next: from, last };
    shutdown.clone().spawn("log follower", async move {
        let _open = open;
        tokio::select! { () = shutdown.cancelled() => {}, _ended = follower.follow(log, changes) => {} }
    });
    Body::from_stream(ReceiverStream::new(pieces))
}

impl Follower {
    async fn follow(mut self, mut log: Log, mut changes: Changes) -> Result<(), Ended> {
        // Taken from now on, however slowly the caller reads.
        let mut live = log.live.take().map(|live| LossyFrames::of(frames(live)));
        self.send_part(&log, log.end).await?;
        if log.is_sealed || self.is_done() {
            return Ok(());
        }
        drop(log);
        let gone = self.to.clone();
        let mut gap = tokio::time::interval(GAP_EVERY);
        let mut rights = tokio::time::interval(ALIVE_EVERY);
        rights.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut has_gap = live.is_none();
        loop {
            tokio::select! {
                () = gone.closed() => return Err(Ended),
                Some(frame) = OptionFuture::from(live.as_mut().map(LossyFrames::next)) => match frame {
                    Some(frame) => has_gap |= self.take(&frame).await?,
                    None => (live, has_gap) = (None, true),
                },
                change = changes.recv() => {
                    if self.may_be_over(change) && self.finish_if_over().await? {
                        return Ok(());
                    }
                }
                _ = gap.tick(), if has_gap => {
                    self.send_archived().await?;
                    has_gap = live.is_none();
                }
                _ = rights.tick() => if !self.may_go_on().await {
                    return Err(self.broken("its reader may not read it any more").await);
                },
            }
            if self.is_done() {
                return Ok(());
            }
        }
    }

    /// Asks again who reads, and whether they may: a log is followed for days.
    async fn may_go_on(&mut self) -> bool {
        self.ears.may_stay(&self.app).await && self.ears.hear_of(&self.place.project)
    }

    /// Sends what is new of a frame; true when bytes before it are missing.
    async fn take(&mut self, frame: &BusFrame) -> Result<bool, Ended> {
        let offset = frame.headers.log_offset();
        if let Some(bytes) = unseen(offset, &frame.payload, self.next) {
            self.send(bytes).await?;
            return Ok(false);
        }
        Ok(offset.is_some_and(|offset| offset > self.next))
    }

    /// Whether a change may be the end of the attempt.
    fn may_be_over(&self, change: Result<Arc<Frame>, RecvError>) -> bool {
        match change {
            Ok(frame) => match (&frame.about, &self.place.attempt) {
                (Some((_, run)), Some(attempt)) => {
                    *run == Some(attempt.run) && may_mention(&frame.bytes, attempt)
                }
                // A resync: anything may have happened.
                (None, _) => frame.bytes.starts_with(b"event: resync"),
                (Some(_), None) => false,
            },
            Err(_) => true,
        }
    }

    async fn finish_if_over(&mut self) -> Result<bool, Ended> {
        let Some(attempt) = &self.place.attempt else { return Ok(true) };
        let task = self.app.task(&self.place.project, attempt.run, &attempt.task).await;
        let found = task.and_then(|task| place::find(&task, Some(attempt.number)));
        match found {
            Ok(Place { state: LogState::Open { .. }, .. }) => Ok(false),
            Ok(place) => {
                let log = match Log::open(&self.app, &place).await {
                    Ok(log) => log,
                    Err(failure) => return Err(self.broken(failure).await),
                };
                self.send_part(&log, log.end).await?;
                Ok(true)
            }
            Err(failure) => {
                tracing::warn!(%attempt, ?failure, "cannot tell whether a followed attempt is over");
                Ok(false)
            }
        }
    }

    /// Sends what the archive has meanwhile.
    async fn send_archived(&mut self) -> Result<(), Ended> {
        let LogState::Open { prefix, .. } = &self.place.state else { return Ok(()) };
        let more = async {
            let archive = archive_of(&self.app.objects, prefix).await?;
            if archive.end() <= self.next {
                return Ok(None);
            }
            // Without the newest bytes: those come as frames.
            Outcome::Ok(Some(Log::archived(self.app.objects.clone(), archive)))
        };
        match more.await {
            Ok(Some(log)) => self.send_part(&log, log.end).await,
            Ok(None) => Ok(()),
            Err(failure) => {
                tracing::debug!(?failure, "the archive of a followed log cannot be read yet");
                Ok(())
            }
        }
    }

    async fn send_part(&mut self, log: &Log, end: u64) -> Result<(), Ended> {
        let end = self.last.map_or(end, |last| last.min(end));
        if end <= self.next {
            return Ok(());
        }
        let mut bytes = log.bytes(self.next..end);
        while let Some(piece) = bytes.next().await {
            match piece {
                Ok(piece) => self.send(piece).await?,
                Err(error) => return Err(self.broken(error).await),
            }
        }
        Ok(())
    }

    async fn send(&mut self, mut piece: Bytes) -> Result<(), Ended> {
        if let Some(last) = self.last {
            piece.truncate(usize::try_from(last.saturating_sub(self.next)).unwrap_or(usize::MAX));
        }
        self.next += piece.len() as u64;
        self.to.send_timeout(Ok(piece), STUCK_AFTER).await.map_err(|_| Ended)
    }

    /// Breaks the connection, so that the caller does not take a part for the whole.
    async fn broken(&self, why: impl std::fmt::Debug) -> Ended {
        tracing::warn!(attempt = ?self.place.attempt, ?why, "a followed log cannot be read further");
        let error = io::Error::other("the log cannot be read further");
        // Behind what the caller has not taken yet: left out, it would end like a log that is whole.
        drop(self.to.send_timeout(Err(error), STUCK_AFTER).await);
        Ended
    }

    fn is_done(&self) -> bool {
        self.last.is_some_and(|last| self.next >= last)
    }
}

fn frames(live: Replay) -> impl Stream<Item = BusFrame> {
    stream::unfold(live, async |mut live| live.next().await.map(|frame| (frame, live)))
}

/// Whether an event has the attempt's task among those that changed, or leaves tasks out.
fn may_mention(message: &[u8], attempt: &AttemptId) -> bool {
    let text = String::from_utf8_lossy(message);
    text.contains(&format!("\"key\":\"{}\"", attempt.task)) || text.contains("\"tasks_omitted\":true")
}
