//! A bare run pipeline: durable request → one commit → command → report → one commit → event. No checks, no fences, no
//! workflow: what the parts allow at best.

use std::time::Duration;

use anyhow::Context;
use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::stream::{Config, PersistenceMode, RetentionPolicy};
use async_nats::{Client, Subscriber, jetstream};
use bytes::Bytes;
use futures::StreamExt;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::log::Log;
use crate::intake::publish_all;
use crate::nats_server::NatsServer;
use crate::place::Place;

const REQUESTS: &str = "bare.request";
const REPORTS: &str = "bare.report";
const COMMANDS: &str = "bare.command";
const EVENTS: &str = "bare.event";
/// Messages that are taken together.
const BATCH: usize = 256;
/// Bytes of a row: about what an accepted run without its workflow needs.
const ROW_BYTES: usize = 512;

/// Bytes of a request: about what the no-op workflow has.
const REQUEST_BYTES: usize = 200;

/// A running pipeline.
pub(crate) struct Pipeline {
    server: NatsServer,
    client: Client,
    jetstream: jetstream::Context,
    parts: JoinSet<anyhow::Result<()>>,
    _folder: TempDir,
}

impl Pipeline {
    pub(crate) async fn start(place: &Place) -> anyhow::Result<Self> {
        let folder = place.scratch()?;
        let server = NatsServer::start(place.programs.nats_server(), folder.path()).await?;
        let client = server.connect().await?;
        let jetstream =
            jetstream::ContextBuilder::new().ack_timeout(Duration::from_secs(60)).build(client.clone());
        let log = Log::open(&folder.path().join("log.db"))?;
        let requests = consumer(&jetstream, "REQUESTS", REQUESTS, None).await?;
        let reports = consumer(&jetstream, "REPORTS", REPORTS, Some(PersistenceMode::Async)).await?;
        let commands = client.subscribe(COMMANDS).await.context("subscribing to commands")?;
        client.flush().await.context("subscribing to commands")?;
        let mut parts = JoinSet::new();
        parts.spawn(follow(requests, log.clone(), client.clone(), COMMANDS));
        parts.spawn(follow(reports, log, client.clone(), EVENTS));
        parts.spawn(execute(commands, jetstream.clone()));
        Ok(Self { server, client, jetstream, parts, _folder: folder })
    }

    /// A watcher.
    pub(crate) async fn events(&self) -> anyhow::Result<Subscriber> {
        let events = self.client.subscribe(EVENTS).await.context("subscribing to events")?;
        self.client.flush().await.context("subscribing to events")?;
        Ok(events)
    }

    /// Publishes so many requests, about so many in a message; done when they are on disk.
    pub(crate) async fn request(&self, count: usize, a_message: usize) -> anyhow::Result<()> {
        let mut payload = a_message.to_string();
        payload.extend(std::iter::repeat_n(' ', REQUEST_BYTES * a_message));
        publish_all(&self.jetstream, REQUESTS, payload.into(), count.div_ceil(a_message)).await
    }

    /// Sends commands for so many tasks in one message.
    pub(crate) async fn command(&self, count: usize) -> anyhow::Result<()> {
        self.client.publish(COMMANDS, count.to_string().into()).await.context("sending a command")
    }

    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.parts.shutdown().await;
        self.server.stop().await
    }
}

/// Waits until so many tasks have ended.
pub(crate) async fn ends(events: &mut Subscriber, count: usize) -> anyhow::Result<()> {
    let mut seen = 0;
    while seen < count {
        let event = events.next().await.context("the bare pipeline ended")?;
        seen += number(&event.payload);
    }
    Ok(())
}

async fn consumer(
    jetstream: &jetstream::Context,
    name: &str,
    subject: &str,
    persist_mode: Option<PersistenceMode>,
) -> anyhow::Result<pull::Stream> {
    let config = Config {
        name: name.to_owned(),
        subjects: vec![subject.to_owned()],
        retention: RetentionPolicy::WorkQueue,
        max_bytes: 512 << 20,
        persist_mode,
        ..Config::default()
    };
    let stream = jetstream.create_stream(config).await.context("making a stream")?;
    let config = pull::Config {
        durable_name: Some("bare".to_owned()),
        max_ack_pending: 4 * BATCH as i64,
        ..Default::default()
    };
    let consumer = stream.create_consumer(config).await.context("making a consumer")?;
    consumer.stream().max_messages_per_batch(BATCH).messages().await.context("opening a consumer")
}

/// Takes what has arrived, commits it as one, tells the next, acknowledges.
async fn follow(messages: pull::Stream, log: Log, client: Client, next: &'static str) -> anyhow::Result<()> {
    let mut batches = messages.ready_chunks(BATCH);
    while let Some(batch) = batches.next().await {
        let messages: Vec<_> = batch.into_iter().collect::<Result<_, _>>().context("reading messages")?;
        // Every message says how many tasks it is about.
        let tasks: usize = messages.iter().map(|message| number(&message.payload).max(1)).sum();
        log.append(vec![Bytes::from_static(&[b'x'; ROW_BYTES]); tasks]).await?;
        client.publish(next, tasks.to_string().into()).await.context("telling the next")?;
        for message in messages {
            message.ack().await.map_err(|error| anyhow::anyhow!("acknowledging: {error}"))?;
        }
    }
    Ok(())
}

/// Ends each task at once, and reports that.
async fn execute(mut commands: Subscriber, jetstream: jetstream::Context) -> anyhow::Result<()> {
    while let Some(command) = commands.next().await {
        let stored = jetstream.publish(REPORTS, command.payload).await.context("reporting")?;
        stored.await.context("waiting until a report is stored")?;
    }
    Ok(())
}

fn number(payload: &[u8]) -> usize {
    std::str::from_utf8(payload).ok().and_then(|text| text.trim_end().parse().ok()).unwrap_or(0)
}
