//! Listening without a stream: what comes while nobody listens, or faster than it is taken, is lost.

use std::pin::Pin;
use std::task::{Context, Poll};

use async_nats::Subscriber;
use bytes::Bytes;
use emboflow_protocol::Subject;
use futures::{Stream, StreamExt};

use crate::bus::Bus;
use crate::error::BusError;
use crate::headers::Headers;

/// A message as it came.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Where it was published.
    pub subject: String,
    /// Its headers.
    pub headers: Headers,
    /// Its body.
    pub payload: Bytes,
    /// Where the sender waits for an answer.
    pub reply: Option<String>,
}

impl From<async_nats::Message> for Frame {
    fn from(message: async_nats::Message) -> Self {
        Self {
            subject: message.subject.to_string(),
            headers: Headers::new(message.headers),
            payload: message.payload,
            reply: message.reply.map(|reply| reply.to_string()),
        }
    }
}

/// A subscription: a stream of frames that goes on over reconnects and ends when the bus is dropped. Dropping it
/// unsubscribes.
#[derive(Debug)]
pub struct Subscription {
    subscriber: Subscriber,
}

impl Subscription {
    pub(crate) fn of(subscriber: Subscriber) -> Self {
        Self { subscriber }
    }

    /// The next frame.
    pub async fn next(&mut self) -> Option<Frame> {
        self.subscriber.next().await.map(Frame::from)
    }
}

impl Stream for Subscription {
    type Item = Frame;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        self.subscriber.poll_next_unpin(cx).map(|message| message.map(Frame::from))
    }
}

impl Bus {
    /// Listens on a subject or a filter of subjects. Works also while NATS is away: it begins with the connection.
    /// Frames that are not taken while 65,536 of them wait are dropped and counted.
    pub async fn subscribe(&self, subject: Subject) -> Result<Subscription, BusError> {
        self.subscribe_text(subject.as_str()).await
    }

    pub(crate) async fn subscribe_text(&self, subject: &str) -> Result<Subscription, BusError> {
        let subscribed = self.inner.client.subscribe(subject.to_owned());
        let doing = format!("subscribing to {subject}");
        match tokio::time::timeout(self.inner.answer_wait, subscribed).await {
            Err(_) => Err(self.timeout(doing)),
            Ok(Err(error)) => Err(BusError::server(doing, &error)),
            Ok(Ok(subscriber)) => Ok(Subscription { subscriber }),
        }
    }
}
