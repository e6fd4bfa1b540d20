//! One message in the hands of the service that works on it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::client::{Request, RequestErrorKind};
use async_nats::{HeaderMap, Subject as NatsSubject};
use bytes::Bytes;
use emboflow_model::Timestamp;
use emboflow_protocol::message::Message;
use futures::future::join_all;

use crate::bus::Bus;
use crate::error::BusError;
use crate::headers::Headers;
use crate::keep::{Held, Origin};
use crate::pull::Source;

/// Deliveries of a message that are handed out; one more, and the consumer buries it as `redelivered`.
pub const MAX_DELIVERIES: u64 = 5;

const ACK: &[u8] = b"+ACK";
const NAK: &[u8] = b"-NAK";
const TERM: &[u8] = b"+TERM";

/// A message from a stream. It stays with whoever has it, however long the work on it waits (see
/// [`crate::ConsumerSpec::pulse`]). When it is dropped unsettled, or its process ends, it comes again after `ack_wait`.
#[derive(Debug)]
pub struct Delivery {
    /// Where it was published.
    pub subject: String,
    /// Its headers.
    pub headers: Headers,
    /// Its body.
    pub payload: Bytes,
    /// How often it was delivered, this time included.
    pub delivered: u64,
    /// Its place in the stream; starts over when NATS is emptied.
    pub sequence: u64,
    /// When the stream took it, by the server's clock.
    pub published_at: Timestamp,
    raw_headers: Option<HeaderMap>,
    source: Source,
    held: Held,
}

impl Delivery {
    /// None when the message did not come from a stream.
    pub(crate) fn new(
        message: async_nats::jetstream::Message,
        source: Source,
        origin: &Arc<Origin>,
    ) -> Option<Self> {
        let (delivered, sequence, published_at) = {
            let info = message.info().ok()?;
            let published_ms = info.published.unix_timestamp_nanos() / 1_000_000;
            (
                u64::try_from(info.delivered).unwrap_or(1),
                info.stream_sequence,
                Timestamp(i64::try_from(published_ms).unwrap_or(i64::MAX)),
            )
        };
        let message = message.message;
        Some(Self {
            subject: message.subject.to_string(),
            headers: Headers::new(message.headers.clone()),
            payload: message.payload,
            delivered,
            sequence,
            published_at,
            raw_headers: message.headers,
            source,
            held: Held::new(message.reply?, origin.clone()),
        })
    }

    /// Reads the body, and makes sure that it belongs to the subject it came on. Errors: [`BusError::Decode`],
    /// [`BusError::ForeignSubject`]; both are reasons to bury it.
    pub fn decode<M: Message>(&self) -> Result<M, BusError> {
        decode(&self.subject, &self.payload)
    }

    /// W3C trace context of the publisher.
    pub fn traceparent(&self) -> Option<&str> {
        self.headers.traceparent()
    }

    /// Settles it, after what it asks for is in the records, and waits until the server says that it is settled, unless
    /// the connection was lost since it came. An error means only that it may come again.
    pub async fn ack(self) -> Result<(), BusError> {
        self.settle_with(ACK).await
    }

    /// Hands it out again after a while, on the same consumer, so that waiting for something that is down does not
    /// count as failed deliveries.
    pub async fn retry_after(self, delay: Duration) {
        tokio::spawn(async move {
            let back = self.held.origin().again.clone();
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = back.closed() => return self.give_back().await,
            }
            self.held.begin_anew();
            if let Err(unsent) = back.send(self) {
                unsent.0.give_back().await;
            }
        });
    }

    /// Puts it among the dead letters with all it needs to be published again, then ends it. `reason` is a short
    /// token for counting, `error` says it in words. After an error it comes again and can be buried then.
    pub async fn bury(self, reason: &str, error: &str) -> Result<(), BusError> {
        let kept = self.raw_headers.clone();
        let bus = &self.held.origin().bus;
        bus.bury_with_headers(None, reason, &self.subject, self.payload.clone(), error, kept).await?;
        self.settle_with(TERM).await
    }

    /// Lets another consumer have it at once; for messages that were fetched and not looked at.
    pub(crate) async fn give_back(self) {
        let client = &self.held.origin().bus.inner.client;
        if let Err(error) = client.publish(self.settle(), Bytes::from_static(NAK)).await {
            tracing::debug!(%error, "a message could not be given back; it comes again by itself");
        }
    }

    fn settle(&self) -> NatsSubject {
        self.held.settle().clone()
    }

    async fn settle_with(self, verdict: &'static [u8]) -> Result<(), BusError> {
        let bus = &self.held.origin().bus;
        let doing = || format!("settling message {} of {}", self.sequence, self.subject);
        if self.source.line.was_lost() {
            self.tell_in_passing(verdict).await;
            return Err(BusError::Timeout { doing: doing(), after_ms: 0 });
        }
        let request =
            Request::new().payload(Bytes::from_static(verdict)).timeout(Some(bus.inner.answer_wait));
        let sent = bus.inner.client.send_request(self.settle(), request);
        let answered = Bus::unless_lost(self.source.line.clone(), doing, sent);
        // While NATS is away the request may not even find room to be sent.
        let Ok(answer) = tokio::time::timeout(bus.inner.answer_wait, answered).await else {
            return Err(bus.timeout(doing()));
        };
        match answer? {
            Ok(_settled) => Ok(()),
            Err(error) => Err(match error.kind() {
                RequestErrorKind::TimedOut => bus.timeout(doing()),
                RequestErrorKind::NoResponders => {
                    BusError::NoResponder { subject: self.settle().to_string() }
                }
                _ => BusError::server(doing(), &error),
            }),
        }
    }

    /// Settles it with a server that may not be the one that gave it out, and does not wait: one that was started again
    /// says nothing when it knows nothing of it. One that may have another message in its place is told nothing, for it
    /// would settle that.
    async fn tell_in_passing(&self, verdict: &'static [u8]) {
        let Origin { bus, forgets, made_at, .. } = self.held.origin();
        if !forgets && made_at.load(Ordering::Relaxed) == self.source.made_at {
            let told = bus.inner.client.publish(self.settle(), Bytes::from_static(verdict));
            let _comes_again = tokio::time::timeout(bus.inner.answer_wait, told).await;
        }
    }
}

/// Acknowledges many at once and waits for all of them. The error is the first of those that may come again.
pub async fn ack_all(deliveries: Vec<Delivery>) -> Result<(), BusError> {
    let results = join_all(deliveries.into_iter().map(Delivery::ack)).await;
    results.into_iter().collect()
}

/// Reads a body that must belong to the subject it came on.
pub(crate) fn decode<M: Message>(subject: &str, payload: &[u8]) -> Result<M, BusError> {
    let message: M = serde_json::from_slice(payload)
        .map_err(|source| BusError::Decode { subject: subject.to_owned(), source })?;
    let own = message.subject();
    if own.as_str() == subject {
        Ok(message)
    } else {
        Err(BusError::ForeignSubject { subject: subject.to_owned(), own_subject: own.to_string() })
    }
}
