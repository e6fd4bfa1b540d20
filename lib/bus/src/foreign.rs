//! Streams and subjects of others: what a trigger listens to. Nothing of theirs is made or changed but a consumer.

use std::time::Duration;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::{PullConsumer, pull};
use bytes::Bytes;
use emboflow_model::Timestamp;
use futures::{FutureExt, StreamExt};
use serde_json::{Value, json};

use crate::bus::Bus;
use crate::error::BusError;
use crate::headers::Headers;
use crate::subscription::Subscription;

/// Silence of two of these and the pull is given up.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// A pull request lives this long.
const EXPIRES: Duration = Duration::from_secs(30);
/// After how long a message comes again that was not settled.
const ACK_WAIT_S: u64 = 15;
/// The wait after a pull that broke.
const BEFORE_ANOTHER_PULL: Duration = Duration::from_millis(100);
/// Messages in work at most.
const IN_WORK: usize = 256;
/// A consumer that nobody pulls for so long is taken for left behind: 30 days.
const LEFT_BEHIND_S: u64 = 30 * 24 * 60 * 60;

/// What to take from a stream of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignSpec {
    /// The stream.
    pub stream: String,
    /// Name of the durable consumer: letters, digits, `-` and `_`.
    pub durable: String,
    /// Only messages of these subjects.
    pub filter: Option<String>,
    /// Only messages from this moment on, where the stream can tell.
    pub from: Timestamp,
}

/// Messages of one life of a stream.
#[derive(Debug)]
pub struct ForeignBatch {
    /// When the stream was made, in the server's words: another one after it was deleted and made anew.
    pub created: String,
    /// The messages, in order except for those that come again.
    pub messages: Vec<ForeignMessage>,
}

/// A message of such a stream. When it is dropped unsettled it comes again.
#[derive(Debug)]
pub struct ForeignMessage {
    /// Where it was published.
    pub subject: String,
    /// Its headers.
    pub headers: Headers,
    /// Its body.
    pub payload: Bytes,
    /// Its place in the stream; starts over when the stream is made anew.
    pub sequence: u64,
    /// When the stream took it, by the server's clock.
    pub published_at: Timestamp,
    message: Box<Message>,
}

impl ForeignMessage {
    fn new(message: Message) -> Option<Self> {
        let (sequence, published_ms) = {
            let info = message.info().ok()?;
            (info.stream_sequence, info.published.unix_timestamp_nanos() / 1_000_000)
        };
        Some(Self {
            subject: message.subject.to_string(),
            headers: Headers::new(message.headers.clone()),
            payload: message.payload.clone(),
            sequence,
            published_at: Timestamp(i64::try_from(published_ms).unwrap_or(i64::MAX)),
            message: Box::new(message),
        })
    }

    /// Settles it. An error means only that it may come again.
    pub async fn ack(self) -> Result<(), BusError> {
        self.message.ack().await.map_err(|error| BusError::Server {
            doing: format!("settling a message on {}", self.subject),
            code: 0,
            status: 503,
            detail: error.to_string(),
        })
    }
}

/// A consumer of a stream of others.
pub struct ForeignConsumer {
    bus: Bus,
    spec: ForeignSpec,
    open: Option<(String, pull::Stream)>,
}

impl Bus {
    /// Prepares to take from a stream of others; nothing happens before the first batch.
    pub fn foreign(&self, spec: ForeignSpec) -> ForeignConsumer {
        ForeignConsumer { bus: self.clone(), spec, open: None }
    }

    /// Removes a consumer that is no longer needed. One that is not there is fine.
    pub async fn drop_foreign(&self, stream: &str, durable: &str) -> Result<(), BusError> {
        self.ready().await?;
        let doing = format!("removing consumer {durable} of {stream}");
        match self.api::<_, Value>(&format!("CONSUMER.DELETE.{stream}.{durable}"), &Value::Null, doing).await
        {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    /// Listens on a subject of others; of all that listen with the same group, one gets a message.
    pub async fn listen(&self, subject: &str, group: &str) -> Result<Subscription, BusError> {
        self.ready().await?;
        let subscribed = self.inner.client.queue_subscribe(subject.to_owned(), group.to_owned()).await;
        subscribed
            .map(Subscription::of)
            .map_err(|error| BusError::server(format!("listening on {subject}"), &error))
    }
}

impl ForeignConsumer {
    /// Waits for messages; at least one and at most `max`. Errors: the stream is not there, NATS is away or refuses;
    /// the next call tries again. May be dropped while it waits.
    pub async fn next_batch(&mut self, max: usize) -> Result<ForeignBatch, BusError> {
        loop {
            let Some((created, stream)) = self.open.as_mut() else {
                self.open = Some(open(&self.bus, &self.spec).await?);
                continue;
            };
            let created = created.clone();
            let mut messages = Vec::new();
            let mut item = stream.next().await;
            loop {
                match item {
                    Some(Ok(message)) => messages.extend(ForeignMessage::new(message)),
                    Some(Err(_)) | None => self.open = None,
                }
                let Some((_, stream)) = self.open.as_mut() else { break };
                match stream.next().now_or_never() {
                    Some(next) if messages.len() < max => item = next,
                    _ => break,
                }
            }
            // What was taken belongs to the life of the stream that goes on now, or to none that is known.
            if created_at(&self.bus, &self.spec).await? != created {
                self.open = None;
                continue;
            }
            if messages.is_empty() {
                tokio::time::sleep(BEFORE_ANOTHER_PULL).await;
            } else {
                return Ok(ForeignBatch { created, messages });
            }
        }
    }
}

async fn info(bus: &Bus, spec: &ForeignSpec) -> Result<Value, BusError> {
    bus.ready().await?;
    let doing = format!("looking at stream {}", spec.stream);
    bus.api(&format!("STREAM.INFO.{}", spec.stream), &Value::Null, doing).await
}

async fn created_at(bus: &Bus, spec: &ForeignSpec) -> Result<String, BusError> {
    let info = info(bus, spec).await?;
    Ok(info.get("created").and_then(Value::as_str).unwrap_or_default().to_owned())
}

async fn open(bus: &Bus, spec: &ForeignSpec) -> Result<(String, pull::Stream), BusError> {
    let info = info(bus, spec).await?;
    let created = info.get("created").and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_queue = info.pointer("/config/retention").and_then(Value::as_str) == Some("workqueue");
    let doing = || format!("opening consumer {} of {}", spec.durable, spec.stream);
    let wanted = json!({ "stream_name": spec.stream, "config": settings(spec, is_queue) });
    let subject = match &spec.filter {
        Some(filter) => format!("CONSUMER.CREATE.{}.{}.{filter}", spec.stream, spec.durable),
        None => format!("CONSUMER.CREATE.{}.{}", spec.stream, spec.durable),
    };
    let _made: Value = bus.api(&subject, &wanted, doing()).await?;
    let consumer: Result<PullConsumer, _> =
        bus.inner.jetstream.get_consumer_from_stream(&spec.durable, &spec.stream).await;
    let consumer = consumer.map_err(|error| BusError::server(doing(), &error))?;
    let stream = consumer.stream().heartbeat(HEARTBEAT).expires(EXPIRES).max_messages_per_batch(IN_WORK);
    let stream = stream.messages().await.map_err(|error| BusError::server(doing(), &error))?;
    Ok((created, stream))
}

fn settings(spec: &ForeignSpec, is_queue: bool) -> Value {
    const NANOS: u64 = 1_000_000_000;
    let mut config = json!({
        "durable_name": spec.durable,
        "name": spec.durable,
        "description": "starts runs of EmboFlow",
        "ack_policy": "explicit",
        "ack_wait": ACK_WAIT_S * NANOS,
        "max_deliver": -1,
        "max_ack_pending": IN_WORK,
        "replay_policy": "instant",
        "inactive_threshold": LEFT_BEHIND_S * NANOS,
        "deliver_policy": "by_start_time",
        "opt_start_time": spec.from.to_string(),
    });
    if is_queue {
        // A work queue hands out everything that it has.
        config["deliver_policy"] = "all".into();
        config.as_object_mut().map(|config| config.remove("opt_start_time"));
    }
    if let Some(filter) = &spec.filter {
        config["filter_subject"] = filter.as_str().into();
    }
    config
}
