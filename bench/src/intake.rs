//! Run requests over NATS, many in flight, each acknowledged by JetStream.

use std::time::Duration;

use anyhow::Context;
use async_nats::jetstream;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream;
use serde_json::json;

const SUBJECT: &str = "emboflow.request.default.submit";
const IN_FLIGHT: usize = 1_024;
/// How long a publish may take; what is in flight together waits for each other's fsync.
const PATIENCE: Duration = Duration::from_secs(60);

/// A publisher of run requests.
pub(crate) struct Intake {
    jetstream: jetstream::Context,
}

impl Intake {
    pub(crate) fn new(client: async_nats::Client) -> Self {
        let jetstream = jetstream::ContextBuilder::new().ack_timeout(PATIENCE).build(client);
        Self { jetstream }
    }

    /// Publishes the same workflow so often; done when all are stored.
    pub(crate) async fn publish(&self, source: &str, count: usize) -> anyhow::Result<()> {
        let body = serde_json::to_vec(&json!({ "source": source })).context("writing a request")?;
        publish_all(&self.jetstream, SUBJECT, body.into(), count).await
    }
}

/// Publishes the same payload so often to a stream; done when all are stored.
pub(crate) async fn publish_all(
    jetstream: &jetstream::Context,
    subject: &str,
    payload: Bytes,
    count: usize,
) -> anyhow::Result<()> {
    let publish = |_| {
        let payload = payload.clone();
        async move {
            let stored =
                jetstream.publish(subject.to_owned(), payload).await.context("publishing a request")?;
            stored.await.context("waiting until a request is stored")
        }
    };
    let mut stored = stream::iter(0..count).map(publish).buffer_unordered(IN_FLIGHT);
    while let Some(one) = stored.next().await {
        one?;
    }
    Ok(())
}
