//! Publishing to streams (acknowledged) and to whoever listens (not).

use std::collections::VecDeque;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{PublishAckFuture, PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use emboflow_model::{AttemptId, ExecutorId, ProjectName};
use emboflow_protocol::message::{Message, Subject};
use emboflow_protocol::request::{Verb, decision_subject, request_subject};
use emboflow_protocol::{header, log};
use serde::Serialize;

use crate::backoff::Backoff;
use crate::bus::Bus;
use crate::connection::Line;
use crate::error::{BusError, jetstream_error};
use crate::headers::insert_exact;
use crate::metrics;

/// Publishes in flight at most in [`Bus::publish_all`].
const WINDOW: usize = 256;
/// How often a publish that finds no stream makes the streams and tries again.
const TRIES_WITHOUT_STREAM: usize = 5;
/// Bytes of one live log frame at most; a longer piece is cut into several.
const MAX_FRAME: usize = 256 * 1024;
/// Room for most bodies.
const USUAL_BYTES: usize = 2 * 1024;
/// How long a live log frame may wait for room in the connection's buffer before it is dropped.
const FRAME_WAIT: Duration = Duration::from_millis(20);

/// A run request on its way to the scheduler.
#[derive(Clone, Debug)]
pub struct OutgoingRequest {
    /// The project.
    pub project: ProjectName,
    /// What is asked for.
    pub verb: Verb,
    /// Idempotency key of the caller.
    pub key: Option<String>,
    /// Subject for the answer; see `emboflow_protocol::request::is_reply_subject`.
    pub reply_to: Option<String>,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// The body as JSON, as the caller sent it.
    pub body: Bytes,
}

impl Bus {
    /// Publishes to the message's stream and waits until it is stored. Errors: [`BusError::Full`],
    /// [`BusError::TooLarge`], or unavailable; after a timeout it may be stored all the same.
    pub async fn publish<M: Message>(&self, message: &M) -> Result<(), BusError> {
        let (subject, headers, body) = encoded(message)?;
        self.publish_raw(subject.as_str(), headers, body).await
    }

    /// Publishes in order with many in flight, then waits until all are stored. Gives the places of those that are
    /// refused for what they are ([`BusError::TooLarge`]) or for want of room ([`BusError::Full`]); the others are
    /// stored. After an error any of them may be stored.
    pub async fn publish_all<M: Message>(&self, messages: &[M]) -> Result<Vec<(usize, BusError)>, BusError> {
        let mut in_flight: VecDeque<(usize, PublishAckFuture)> = VecDeque::with_capacity(WINDOW);
        let mut refused = Vec::new();
        self.ready().await?;
        let line = self.line();
        for (index, message) in messages.iter().enumerate() {
            if in_flight.len() == WINDOW {
                self.settle_oldest(&line, &mut in_flight, messages, &mut refused).await?;
            }
            let (subject, headers, body) = encoded(message)?;
            match self.send(subject.as_str(), headers, body).await {
                Ok(ack) => in_flight.push_back((index, ack)),
                Err(error) => {
                    let failed = Err(error);
                    count(subject.as_str(), &failed);
                    note_refusal(index, failed, &mut refused)?;
                }
            }
        }
        while !in_flight.is_empty() {
            self.settle_oldest(&line, &mut in_flight, messages, &mut refused).await?;
        }
        Ok(refused)
    }

    /// Waits for the oldest of those that were sent over a line.
    async fn settle_oldest<M: Message>(
        &self,
        line: &Line,
        in_flight: &mut VecDeque<(usize, PublishAckFuture)>,
        messages: &[M],
        refused: &mut Vec<(usize, BusError)>,
    ) -> Result<(), BusError> {
        let Some((index, ack)) = in_flight.pop_front() else { return Ok(()) };
        let message = &messages[index];
        let subject = message.subject();
        let stored = match self.acknowledged(line.clone(), subject.as_str(), 0, ack).await {
            // Alone again: this makes the stream and keeps trying for a moment.
            Err(BusError::NoStream { .. }) => self.publish(message).await,
            other => {
                count(subject.as_str(), &other);
                other
            }
        };
        note_refusal(index, stored, refused)
    }

    /// Publishes a request to the intake and waits until it is safely taken.
    pub async fn publish_request(&self, request: OutgoingRequest) -> Result<(), BusError> {
        let subject = request_subject(&request.project, request.verb);
        self.publish_request_under(&subject, request).await
    }

    /// The same for a decision whose body says who made it: whoever may publish there answers for it.
    pub async fn publish_decision(&self, request: OutgoingRequest) -> Result<(), BusError> {
        let subject = decision_subject(&request.project);
        self.publish_request_under(&subject, request).await
    }

    async fn publish_request_under(
        &self,
        subject: &Subject,
        request: OutgoingRequest,
    ) -> Result<(), BusError> {
        let mut headers = HeaderMap::new();
        if let Some(key) = &request.key {
            insert_exact(&mut headers, header::IDEMPOTENCY_KEY, key, "idempotency key")?;
        }
        if let Some(reply_to) = &request.reply_to {
            insert_exact(&mut headers, header::REPLY_TO, reply_to, "reply subject")?;
        }
        if let Some(traceparent) = &request.traceparent {
            insert_exact(&mut headers, header::TRACEPARENT, traceparent, "traceparent")?;
        }
        self.publish_raw(subject.as_str(), headers, request.body).await
    }

    /// Sends an answer to whoever waits for it; nobody may. Not stored.
    pub async fn reply(&self, subject: &str, answer: &impl Serialize) -> Result<(), BusError> {
        let body = to_json(subject, answer)?;
        let (bytes, doing) = (body.len(), format!("answering on {subject}"));
        self.ready().await?;
        let sent = self.inner.client.publish(subject.to_owned(), body);
        match tokio::time::timeout(self.inner.answer_wait, sent).await {
            Err(_) => Err(self.timeout(doing)),
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(match error.kind() {
                async_nats::client::PublishErrorKind::MaxPayloadExceeded => {
                    BusError::TooLarge { subject: subject.to_owned(), bytes, detail: error.to_string() }
                }
                async_nats::client::PublishErrorKind::InvalidSubject => {
                    BusError::Invalid { what: "reply subject", why: subject.to_owned() }
                }
                async_nats::client::PublishErrorKind::Send => BusError::server(doing, &error),
            }),
        }
    }

    /// Sends bytes of a running attempt's log to whoever watches; `offset` is that of the first byte. Lossy and never
    /// slow: false = dropped, because NATS is away or behind.
    pub async fn publish_live_log(
        &self,
        project: &ProjectName,
        attempt: &AttemptId,
        executor: &ExecutorId,
        offset: u64,
        bytes: Bytes,
    ) -> bool {
        if !self.is_connected() {
            return false;
        }
        let subject = log::live_subject(project, attempt, executor).to_string();
        let mut at = 0;
        while at < bytes.len() {
            let end = (at + MAX_FRAME).min(bytes.len());
            let mut headers = HeaderMap::new();
            headers.insert(header::LOG_OFFSET, (offset + at as u64).to_string());
            let frame =
                self.inner.client.publish_with_headers(subject.clone(), headers, bytes.slice(at..end));
            if !matches!(tokio::time::timeout(FRAME_WAIT, frame).await, Ok(Ok(()))) {
                return false;
            }
            at = end;
        }
        true
    }

    /// Sends a message that no stream keeps to whoever listens. Lossy and never slow, as a live log is: false = dropped.
    pub async fn publish_live<M: Message>(&self, message: &M) -> bool {
        if !self.is_connected() {
            return false;
        }
        let Ok((subject, _, body)) = encoded(message) else { return false };
        let sent = self.inner.client.publish(subject.to_string(), body);
        matches!(tokio::time::timeout(FRAME_WAIT, sent).await, Ok(Ok(())))
    }

    /// Publishes to a stream and waits until it is stored; makes the streams when they are missing.
    pub(crate) async fn publish_raw(
        &self,
        subject: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<(), BusError> {
        let result = self.publish_with_streams(subject, headers, body).await;
        count(subject, &result);
        result
    }

    async fn publish_with_streams(
        &self,
        subject: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<(), BusError> {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(500));
        let mut tries = 0;
        loop {
            self.ready().await?;
            let (round, line) = (self.streams_round(), self.line());
            let ack = self.send(subject, headers.clone(), body.clone()).await?;
            match self.acknowledged(line, subject, body.len(), ack).await {
                Err(error @ BusError::NoStream { .. }) => {
                    tries += 1;
                    if !self.owns_streams() || tries == TRIES_WITHOUT_STREAM {
                        return Err(error);
                    }
                    if let Err(error) = self.ensure_streams_since(round).await {
                        tracing::warn!(%error, "the streams could not be made");
                    }
                    tokio::time::sleep(backoff.step()).await;
                }
                other => return other,
            }
        }
    }

    async fn send(
        &self,
        subject: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<PublishAckFuture, BusError> {
        let bytes = body.len();
        let message = PublishMessage::build().payload(body).headers(headers);
        let sent = self.inner.jetstream.send_publish(subject.to_owned(), message).await;
        sent.map_err(|error| self.publish_error(subject, bytes, &error))
    }

    async fn acknowledged(
        &self,
        line: Line,
        subject: &str,
        bytes: usize,
        ack: PublishAckFuture,
    ) -> Result<(), BusError> {
        match Self::unless_lost(line, || format!("publishing on {subject}"), ack.into_future()).await? {
            Ok(_stored_or_known) => Ok(()),
            Err(error) => Err(self.publish_error(subject, bytes, &error)),
        }
    }

    fn publish_error(&self, subject: &str, bytes: usize, error: &PublishError) -> BusError {
        let doing = format!("publishing on {subject}");
        match error.kind() {
            PublishErrorKind::StreamNotFound => BusError::NoStream { subject: subject.to_owned() },
            PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe => self.timeout(doing),
            PublishErrorKind::MaxPayloadExceeded => {
                BusError::TooLarge { subject: subject.to_owned(), bytes, detail: error.to_string() }
            }
            _ => match jetstream_error(error) {
                Some(refusal) => refused(subject, bytes, refusal),
                None => BusError::server(doing, error),
            },
        }
    }
}

/// What a stream's refusal means to the publisher.
fn refused(subject: &str, bytes: usize, error: &async_nats::jetstream::Error) -> BusError {
    let (subject, detail) = (subject.to_owned(), error.to_string());
    match error.error_code() {
        ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM | ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM => {
            BusError::TooLarge { subject, bytes, detail }
        }
        ErrorCode::STREAM_STORE_FAILED if detail.contains("maximum") => BusError::Full { subject, detail },
        ErrorCode::ACCOUNT_RESOURCES_EXCEEDED
        | ErrorCode::INSUFFICIENT_RESOURCES
        | ErrorCode::STORAGE_RESOURCES_EXCEEDED
        | ErrorCode::MEMORY_RESOURCES_EXCEEDED => BusError::Full { subject, detail },
        _ => BusError::of_jetstream(format!("publishing on {subject}"), error),
    }
}

/// Sets a refusal of this one message aside. Errors: anything else.
fn note_refusal(
    index: usize,
    stored: Result<(), BusError>,
    refused: &mut Vec<(usize, BusError)>,
) -> Result<(), BusError> {
    match stored {
        Err(error @ (BusError::TooLarge { .. } | BusError::Full { .. })) => {
            refused.push((index, error));
            Ok(())
        }
        other => other,
    }
}

fn encoded<M: Message>(message: &M) -> Result<(Subject, HeaderMap, Bytes), BusError> {
    let subject = message.subject();
    let mut headers = HeaderMap::new();
    if let Some(id) = message.message_id() {
        insert_exact(&mut headers, header::MESSAGE_ID, &id, "message id")?;
    }
    let body = fitted(subject.as_str(), message)?;
    Ok((subject, headers, body))
}

/// The message as JSON, with less in it where that would be too much.
fn fitted<M: Message>(subject: &str, message: &M) -> Result<Bytes, BusError> {
    let body = to_json(subject, message)?;
    match message.reduced(body.len()) {
        Some(reduced) => fitted(subject, &reduced),
        None => Ok(body),
    }
}

pub(crate) fn to_json(subject: &str, value: &impl Serialize) -> Result<Bytes, BusError> {
    let mut body = Vec::with_capacity(USUAL_BYTES);
    match serde_json::to_writer(&mut body, value) {
        Ok(()) => Ok(Bytes::from(body)),
        Err(source) => Err(BusError::Encode { subject: subject.to_owned(), source }),
    }
}

fn count(subject: &str, result: &Result<(), BusError>) {
    let result = if result.is_ok() { "ok" } else { "error" };
    metrics::PUBLISHES.with_label_values(&[metrics::kind_of(subject), result]).inc();
}
