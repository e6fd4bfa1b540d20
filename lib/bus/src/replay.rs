//! What a stream still has of one subject, then what comes: for live logs. No consumer is made for it: the stored
//! frames are read directly, a batch at a time.

use async_nats::{StatusCode, Subscriber};
use bytes::Bytes;
use emboflow_protocol::Subject;
use emboflow_protocol::stream::StreamSpec;
use futures::StreamExt;
use serde_json::json;
use tokio::time::timeout;

use crate::bus::Bus;
use crate::connection::Line;
use crate::error::BusError;
use crate::headers::Headers;
use crate::subscription::{Frame, Subscription};

/// Frames in one batch.
const BATCH: u32 = 512;
/// Bytes in one batch.
const BATCH_BYTES: u32 = 4 * 1024 * 1024;
/// The last reply to a batch.
const END_OF_BATCH: u16 = 204;
// Headers of JetStream's direct answers (ADR-31).
const SEQUENCE: &str = "Nats-Sequence";
const STORED_SUBJECT: &str = "Nats-Subject";
const PENDING: &str = "Nats-Num-Pending";

/// Stored frames, then live ones. A frame may come both ways and frames may be missing: their offsets tell. Dropping
/// it ends it.
#[derive(Debug)]
pub struct Replay {
    live: Subscription,
    stored: Option<Stored>,
    /// Read already, to know how many there are.
    first: Option<Frame>,
}

/// What a stream has of a subject, or of all that a filter takes.
#[derive(Debug)]
pub(crate) struct Stored {
    bus: Bus,
    stream: String,
    subject: String,
    answers: Subscriber,
    inbox: String,
    /// Over which the newest batch was asked for.
    line: Line,
    /// Frames behind the last one that was read.
    behind: u64,
    next_sequence: u64,
    /// The batch has ended, and there is more.
    wants_batch: bool,
    ended: bool,
}

impl Bus {
    /// Starts with the frames of one subject that the stream still has, and goes on with live ones. Errors:
    /// unavailable.
    pub async fn replay(&self, stream: &StreamSpec, subject: Subject) -> Result<Replay, BusError> {
        self.ready().await?;
        // Listening first: what comes between is at worst seen twice.
        let live = self.subscribe_text(subject.as_str()).await?;
        let mut stored = self.stored(stream.name, subject.as_str()).await?;
        let first = stored.next().await?;
        Ok(Replay { live, stored: Some(stored), first })
    }

    /// The frames that a stream has at this moment, oldest first.
    pub(crate) async fn stored(&self, stream: &str, subject: &str) -> Result<Stored, BusError> {
        let inbox = self.inner.client.new_inbox();
        let answers = self
            .inner
            .client
            .subscribe(inbox.clone())
            .await
            .map_err(|error| BusError::server(format!("reading {subject}"), &error))?;
        Ok(Stored {
            bus: self.clone(),
            stream: stream.to_owned(),
            subject: subject.to_owned(),
            answers,
            inbox,
            line: self.line(),
            behind: 0,
            next_sequence: 1,
            wants_batch: true,
            ended: false,
        })
    }
}

impl Replay {
    /// Stored frames that [`Replay::next`] has still to return, before live ones.
    pub fn pending(&self) -> u64 {
        self.stored.as_ref().map_or(0, |stored| stored.behind) + u64::from(self.first.is_some())
    }

    /// The next frame; none only when the bus is gone. May be dropped while it waits.
    pub async fn next(&mut self) -> Option<Frame> {
        if let Some(frame) = self.first.take() {
            return Some(frame);
        }
        if let Some(stored) = &mut self.stored {
            match stored.next().await {
                Ok(Some(frame)) => return Some(frame),
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(%error, subject = stored.subject, "stored frames are left out");
                }
            }
            self.stored = None;
        }
        self.live.next().await
    }
}

impl Stored {
    /// The next one; none when there are no more. May be dropped while it waits.
    pub(crate) async fn next(&mut self) -> Result<Option<Frame>, BusError> {
        let patience = self.bus.inner.answer_wait;
        while !self.ended {
            if self.wants_batch {
                self.line = self.bus.line();
                self.ask().await?;
                self.wants_batch = false;
            }
            let doing = || format!("reading {}", self.subject);
            let next = timeout(patience, self.answers.next());
            let answer = match Bus::unless_lost(self.line.clone(), doing, next).await? {
                Err(_) => return Err(self.bus.timeout(format!("reading {}", self.subject))),
                Ok(None) => return Err(self.bus.disconnected()),
                Ok(Some(answer)) => answer,
            };
            let status = answer.status.unwrap_or(StatusCode::OK);
            if status == StatusCode::OK {
                return Ok(Some(self.take(Frame::from(answer))));
            }
            if status.as_u16() == END_OF_BATCH && self.behind > 0 {
                self.wants_batch = true;
                continue;
            }
            self.ended = true;
            self.behind = 0;
            let is_end = status.as_u16() == END_OF_BATCH || status == StatusCode::NOT_FOUND;
            if !is_end {
                return Err(refused(&self.subject, status));
            }
        }
        Ok(None)
    }

    /// Notes where a stored frame stands, and gives it the subject it was published on.
    fn take(&mut self, frame: Frame) -> Frame {
        let number = |headers: &Headers, name| headers.get(name).and_then(|text| text.parse::<u64>().ok());
        self.behind = number(&frame.headers, PENDING).unwrap_or(0);
        self.next_sequence =
            number(&frame.headers, SEQUENCE).map_or(self.next_sequence + 1, |sequence| sequence + 1);
        let subject = frame.headers.get(STORED_SUBJECT).map(str::to_owned);
        Frame { subject: subject.unwrap_or(frame.subject), reply: None, ..frame }
    }

    async fn ask(&self) -> Result<(), BusError> {
        let Self { bus, stream, subject, inbox, .. } = self;
        let question = json!({
            "seq": self.next_sequence,
            "next_by_subj": subject,
            "batch": BATCH,
            "max_bytes": BATCH_BYTES,
        });
        let to = format!("$JS.API.DIRECT.GET.{stream}");
        let sent = bus.inner.client.publish_with_reply(to, inbox.clone(), Bytes::from(question.to_string()));
        match timeout(bus.inner.answer_wait, sent).await {
            Err(_) => Err(bus.timeout(format!("reading {subject}"))),
            Ok(Err(error)) => Err(BusError::server(format!("reading {subject}"), &error)),
            Ok(Ok(())) => Ok(()),
        }
    }
}

fn refused(subject: &str, status: StatusCode) -> BusError {
    BusError::Server {
        doing: format!("reading {subject}"),
        code: 0,
        status: usize::from(status.as_u16()),
        detail: "JetStream does not give the stored frames".to_owned(),
    }
}
