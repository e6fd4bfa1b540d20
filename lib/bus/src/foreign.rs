//! Streams and subjects of others: what a trigger listens to. Nothing of theirs is made or changed but a consumer.

use std::time::Duration;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::{PullConsumer, pull};
use bytes::Bytes;
use emboflow_model::Timestamp;
use emboflow_model::trigger::StreamPlace;
use futures::future::join_all;
use futures::{FutureExt, StreamExt};
use serde_json::{Map, Value, json};

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
    /// How far it was settled before, whatever has become of the consumer: what comes up to there is settled unseen.
    pub settled: Option<StreamPlace>,
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

    /// Settles it, and waits until the server has noted that. An error means only that it may come again.
    pub async fn ack(self) -> Result<(), BusError> {
        self.message.double_ack().await.map_err(|error| BusError::Server {
            doing: format!("settling a message on {}", self.subject),
            code: 0,
            status: 503,
            detail: error.to_string(),
        })
    }
}

/// A consumer of one life of a stream of others.
pub struct ForeignConsumer {
    bus: Bus,
    spec: ForeignSpec,
    created: String,
    /// Messages up to this one were settled before.
    settled: u64,
    pull: pull::Stream,
}

impl Bus {
    /// Begins to take from a stream of others: where its consumer stands, or where `settled` says, or at `from`.
    /// Errors: the stream is not there, NATS is away or refuses.
    pub async fn foreign(&self, spec: ForeignSpec) -> Result<ForeignConsumer, BusError> {
        let info = info(self, &spec.stream).await?;
        let life = Life::of(&info);
        let settled = life.settled(spec.settled.as_ref());
        let pull = open(self, &spec, &life, settled).await?;
        Ok(ForeignConsumer { bus: self.clone(), spec, created: life.created, settled, pull })
    }

    /// How far a consumer has settled a stream; none when it, or the stream, is not there.
    pub async fn foreign_place(&self, stream: &str, durable: &str) -> Result<Option<StreamPlace>, BusError> {
        let found = async {
            let created = Life::of(&info(self, stream).await?).created;
            let sequence = floor(self, stream, durable).await?;
            Ok::<_, BusError>(StreamPlace { stream: stream.to_owned(), created, sequence })
        };
        match found.await {
            Err(error) if error.is_not_found() => Ok(None),
            found => found.map(Some),
        }
    }

    /// Removes a consumer that is no longer needed. One that is not there is fine.
    pub async fn drop_foreign(&self, stream: &str, durable: &str) -> Result<(), BusError> {
        self.ready().await?;
        let doing = format!("removing consumer {durable} of {stream}");
        match self.api::<_, Value>(&format!("CONSUMER.DELETE.{stream}.{durable}"), &json!({}), doing).await {
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
    /// Waits for messages; at least one and at most `max`. None: it must be begun anew, because the pull broke or the
    /// stream was made anew. Errors: the stream is not there, or NATS is away. May be dropped while it waits.
    pub async fn next_batch(&mut self, max: usize) -> Result<Option<ForeignBatch>, BusError> {
        loop {
            let mut messages = Vec::new();
            let mut item = self.pull.next().await;
            let is_broken = loop {
                match item {
                    Some(Ok(message)) => messages.extend(ForeignMessage::new(message)),
                    Some(Err(_)) | None => break true,
                }
                // What is taken out here is in the batch, or comes again only when the server has waited in vain.
                match (messages.len() < max).then(|| self.pull.next().now_or_never()).flatten() {
                    Some(next) => item = next,
                    None => break false,
                }
            };
            // What was taken belongs to the life of the stream that goes on now, or to none that is known.
            if Life::of(&info(&self.bus, &self.spec.stream).await?).created != self.created {
                return Ok(None);
            }
            let messages = self.settle_known(messages).await;
            if !messages.is_empty() {
                return Ok(Some(ForeignBatch { created: self.created.clone(), messages }));
            }
            if is_broken {
                tokio::time::sleep(BEFORE_ANOTHER_PULL).await;
                return Ok(None);
            }
        }
    }

    /// How far the stream is settled, by whoever shares the consumer.
    pub async fn place(&self) -> Result<StreamPlace, BusError> {
        let sequence = floor(&self.bus, &self.spec.stream, &self.spec.durable).await?;
        let (stream, created) = (self.spec.stream.clone(), self.created.clone());
        Ok(StreamPlace { stream, created, sequence: sequence.max(self.settled) })
    }

    /// Settles what was settled before and comes again, because the server has lost its place.
    async fn settle_known(&self, messages: Vec<ForeignMessage>) -> Vec<ForeignMessage> {
        let (known, new): (Vec<_>, Vec<_>) =
            messages.into_iter().partition(|message| message.sequence <= self.settled);
        // One that fails comes again, and is known then too.
        let _again = join_all(known.into_iter().map(ForeignMessage::ack)).await;
        new
    }
}

/// What a stream is now.
struct Life {
    created: String,
    last: u64,
    is_queue: bool,
}

impl Life {
    fn of(info: &Value) -> Self {
        Self {
            created: info.get("created").and_then(Value::as_str).unwrap_or_default().to_owned(),
            last: info.pointer("/state/last_seq").and_then(Value::as_u64).unwrap_or_default(),
            is_queue: info.pointer("/config/retention").and_then(Value::as_str) == Some("workqueue"),
        }
    }

    /// How far it was settled before. A stream that was put back from a backup gives its sequences a second time.
    fn settled(&self, before: Option<&StreamPlace>) -> u64 {
        before.filter(|place| place.created == self.created).map_or(0, |place| place.sequence.min(self.last))
    }
}

// The server takes an empty object for no request, and nothing else that is JSON.
async fn info(bus: &Bus, stream: &str) -> Result<Value, BusError> {
    bus.ready().await?;
    bus.api(&format!("STREAM.INFO.{stream}"), &json!({}), format!("looking at stream {stream}")).await
}

async fn consumer_info(bus: &Bus, stream: &str, durable: &str) -> Result<Value, BusError> {
    let doing = format!("looking at consumer {durable} of {stream}");
    bus.api(&format!("CONSUMER.INFO.{stream}.{durable}"), &json!({}), doing).await
}

/// The message up to which a consumer has settled everything.
async fn floor(bus: &Bus, stream: &str, durable: &str) -> Result<u64, BusError> {
    let info = consumer_info(bus, stream, durable).await?;
    Ok(info.pointer("/ack_floor/stream_seq").and_then(Value::as_u64).unwrap_or_default())
}

async fn open(bus: &Bus, spec: &ForeignSpec, life: &Life, settled: u64) -> Result<pull::Stream, BusError> {
    let known = match consumer_info(bus, &spec.stream, &spec.durable).await {
        Ok(info) => info.get("config").cloned(),
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(error),
    };
    let doing = || format!("opening consumer {} of {}", spec.durable, spec.stream);
    let mut config = settings(spec);
    let beginning = beginning(spec, life, settled, known.as_ref());
    config.extend(beginning);
    let wanted = json!({ "stream_name": spec.stream, "config": config });
    let subject = match &spec.filter {
        Some(filter) => format!("CONSUMER.CREATE.{}.{}.{filter}", spec.stream, spec.durable),
        None => format!("CONSUMER.CREATE.{}.{}", spec.stream, spec.durable),
    };
    let _made: Value = bus.api(&subject, &wanted, doing()).await?;
    let found = bus.inner.jetstream.get_consumer_from_stream(&spec.durable, &spec.stream);
    let consumer: Result<PullConsumer, _> = Bus::unless_lost(bus.line(), doing, found).await?;
    let consumer = consumer.map_err(|error| BusError::server(doing(), &error))?;
    let stream = consumer.stream().heartbeat(HEARTBEAT).expires(EXPIRES).max_messages_per_batch(IN_WORK);
    stream.messages().await.map_err(|error| BusError::server(doing(), &error))
}

/// Where a consumer begins. One that is there goes on, and its beginning cannot be changed.
fn beginning(spec: &ForeignSpec, life: &Life, settled: u64, known: Option<&Value>) -> Map<String, Value> {
    const FIELDS: [&str; 3] = ["deliver_policy", "opt_start_seq", "opt_start_time"];
    let found = match known {
        Some(known) => known.clone(),
        // A work queue hands out everything that it has.
        None if life.is_queue => json!({ "deliver_policy": "all" }),
        None if settled > 0 => json!({ "deliver_policy": "by_start_sequence", "opt_start_seq": settled + 1 }),
        None => json!({ "deliver_policy": "by_start_time", "opt_start_time": spec.from.to_string() }),
    };
    let of = |field: &str| Some((field.to_owned(), found.get(field)?.clone()));
    FIELDS.into_iter().filter_map(of).collect()
}

fn settings(spec: &ForeignSpec) -> Map<String, Value> {
    const NANOS: u64 = 1_000_000_000;
    let config = json!({
        "durable_name": spec.durable,
        "name": spec.durable,
        "description": "starts runs of EmboFlow",
        "ack_policy": "explicit",
        "ack_wait": ACK_WAIT_S * NANOS,
        "max_deliver": -1,
        "max_ack_pending": IN_WORK,
        "replay_policy": "instant",
        "inactive_threshold": LEFT_BEHIND_S * NANOS,
    });
    let Value::Object(mut config) = config else { return Map::new() };
    if let Some(filter) = &spec.filter {
        config.insert("filter_subject".to_owned(), filter.as_str().into());
    }
    config
}
