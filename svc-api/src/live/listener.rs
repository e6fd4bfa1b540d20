//! One open event stream: what was missed, then what happens, until either side ends it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use emboflow_bus::Subscription;
use emboflow_model::{AttemptId, ProjectName, RunId, Transition};
use emboflow_protocol::http::Hello;
use futures::future::OptionFuture;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{broadcast, mpsc};
use tokio_stream::wrappers::ReceiverStream;

use super::ears::Ears;
use super::feed::Resync;
use super::frame::{Frame, json, message, sign_of_life};
use super::missed::{Missed, missed};
use crate::app::App;
use crate::limits::OpenStream;
use crate::log::lossy::LossyFrames;
use crate::log::text::TextFrames;
use crate::measure::SSE_CLIENTS;

/// A proxy or a browser closes what is silent for longer; so often is asked, too, what the listener may hear.
pub(crate) const ALIVE_EVERY: Duration = Duration::from_secs(15);
/// Who takes nothing for so long has gone away without saying so.
const STUCK_AFTER: Duration = Duration::from_secs(60);
/// Pieces between this listener and its connection.
const PIECES: usize = 8;
/// Messages are put together up to so many bytes.
const PIECE_BYTES: usize = 64 * 1024;

/// What a listener asked for.
pub(crate) struct Wish {
    /// Only this project.
    pub(crate) project: Option<ProjectName>,
    /// Only this run.
    pub(crate) run: Option<RunId>,
    /// Also the live log of this attempt.
    pub(crate) log: Option<LiveLog>,
    /// Everything after this place.
    pub(crate) after: Option<u64>,
}

/// What an attempt writes, as it writes it.
pub(crate) struct LiveLog {
    pub(crate) project: ProjectName,
    pub(crate) attempt: AttemptId,
    pub(crate) frames: Subscription,
}

/// The log that a listener hears, put into text.
struct HeardLog {
    project: ProjectName,
    text: TextFrames,
    frames: LossyFrames,
}

/// The connection is gone.
struct Gone;

struct Listener {
    app: App,
    ears: Ears,
    wish: Wish,
    frames: broadcast::Receiver<Arc<Frame>>,
    to: mpsc::Sender<Bytes>,
    /// Everything up to here has been said.
    last: u64,
    /// The last id that was sent.
    last_id: u64,
}

/// The body of an event stream, which counts as open until it ends.
pub(crate) fn open(app: App, ears: Ears, wish: Wish, open: OpenStream) -> Body {
    let (to, pieces) = mpsc::channel(PIECES);
    // First listen, then read what was missed: nothing falls in between.
    let frames = app.feed.subscribe();
    let last = wish.after.unwrap_or_else(|| app.feed.position());
    let shutdown = app.shutdown.clone();
    let listener = Listener { app, ears, wish, frames, to, last, last_id: last };
    shutdown.clone().spawn("event stream", async move {
        let _open = open;
        SSE_CLIENTS.inc();
        tokio::select! { () = shutdown.cancelled() => {}, _gone = listener.speak() => {} }
        SSE_CLIENTS.dec();
    });
    Body::from_stream(futures::StreamExt::map(ReceiverStream::new(pieces), Ok::<_, std::convert::Infallible>))
}

impl HeardLog {
    fn of(LiveLog { project, attempt, frames }: LiveLog) -> Self {
        Self { project, text: TextFrames::new(attempt), frames: LossyFrames::of(frames) }
    }
}

impl Listener {
    async fn speak(mut self) -> Result<(), Gone> {
        // Taken from now on, however slowly the listener reads.
        let log = self.wish.log.take();
        let mut log = log.map(HeardLog::of);
        let hello = Hello { seq: self.last, version: env!("CARGO_PKG_VERSION").to_owned() };
        self.send(message("hello", Some(self.last), &json(&hello))).await?;
        if self.wish.after.is_some() {
            self.say_missed().await?;
        }
        let mut alive = tokio::time::interval(ALIVE_EVERY);
        alive.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let gone = self.to.clone();
        loop {
            let next_log = OptionFuture::from(log.as_mut().map(|log| log.frames.next()));
            tokio::select! {
                () = gone.closed() => return Err(Gone),
                frame = self.frames.recv() => match frame {
                    Ok(frame) => self.say_all(&frame).await?,
                    Err(RecvError::Lagged(_)) => self.say_resync(self.app.feed.position()).await?,
                    Err(RecvError::Closed) => return Ok(()),
                },
                Some(frame) = next_log => match (frame, &mut log) {
                    (Some(frame), Some(log)) => {
                        let offset = frame.headers.log_offset();
                        if let Some(said) = offset.and_then(|offset| log.text.take(offset, &frame.payload)) {
                            self.send(message("log", None, &json(&said))).await?;
                        }
                    }
                    _ => log = None,
                },
                _ = alive.tick() => {
                    if !self.ears.may_stay(&self.app).await {
                        return Ok(());
                    }
                    if log.take_if(|log| !self.ears.hear_of(&log.project)).is_some() {
                        self.say_resync(self.last).await?;
                    }
                    let id = (self.last > self.last_id).then_some(self.last);
                    self.last_id = self.last;
                    self.send(sign_of_life(id)).await?;
                }
            }
        }
    }

    async fn say_missed(&mut self) -> Result<(), Gone> {
        let (project, run) = (self.wish.project.clone(), self.wish.run);
        let ears = self.ears.clone();
        let wants = move |transition: &Transition| {
            ears.hear_of(&transition.project)
                && project.as_ref().is_none_or(|wanted| *wanted == transition.project)
                && run.is_none_or(|wanted| wanted == transition.run)
        };
        match missed(self.app.records.as_ref(), self.last, &wants).await {
            Ok(Missed::Events { frames, through }) => {
                self.reach(through);
                let mut piece = Vec::new();
                for frame in frames {
                    piece.extend_from_slice(&frame.bytes);
                    if piece.len() >= PIECE_BYTES {
                        self.send(std::mem::take(&mut piece).into()).await?;
                    }
                }
                self.send(piece.into()).await
            }
            Ok(Missed::Everything { through }) => {
                self.last = through;
                self.say_resync(through).await
            }
            Err(error) => {
                tracing::warn!(%error, "missed events cannot be read from the records; a listener reads again");
                self.say_resync(self.app.feed.position()).await
            }
        }
    }

    /// Says this message and those that wait behind it, in one piece.
    async fn say_all(&mut self, first: &Frame) -> Result<(), Gone> {
        let mut piece = Vec::new();
        self.add(first, &mut piece);
        while piece.len() < PIECE_BYTES {
            match self.frames.try_recv() {
                Ok(frame) => self.add(&frame, &mut piece),
                Err(TryRecvError::Lagged(_)) => {
                    self.send(piece.into()).await?;
                    return self.say_resync(self.app.feed.position()).await;
                }
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        self.send(piece.into()).await
    }

    fn add(&mut self, frame: &Frame, piece: &mut Vec<u8>) {
        if frame.seq.is_some_and(|seq| seq <= self.last) {
            return;
        }
        self.last = frame.seq.unwrap_or(self.last);
        if let Some(bytes) = self.ears.hear(frame).filter(|_| self.wants(frame)) {
            self.last_id = frame.seq.unwrap_or(self.last_id);
            piece.extend_from_slice(bytes);
        }
    }

    async fn say_resync(&mut self, seq: u64) -> Result<(), Gone> {
        self.reach(seq);
        self.send(message("resync", Some(seq), &json(&Resync { seq }))).await
    }

    fn wants(&self, frame: &Frame) -> bool {
        frame.is_for(self.wish.project.as_ref(), self.wish.run)
    }

    fn reach(&mut self, seq: u64) {
        self.last = seq;
        self.last_id = seq;
    }

    async fn send(&self, piece: Bytes) -> Result<(), Gone> {
        if piece.is_empty() {
            return Ok(());
        }
        self.to.send_timeout(piece, STUCK_AFTER).await.map_err(|_| Gone)
    }
}
