//! Questions to everybody who listens, and what NATS says of its streams: how the installation is watched.

use std::future::Future;
use std::time::Duration;

use emboflow_protocol::message::{Message, Subject};
use emboflow_protocol::rights::is_inbox;
use emboflow_protocol::stream::STREAMS;
use futures::StreamExt;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::bus::Bus;
use crate::error::BusError;
use crate::publish::to_json;

/// Answers that are taken at most: there may be thousands of executors, and anybody may answer twice.
const MAX_ANSWERS: usize = 4_096;
/// Consumers of a stream that are told of; JetStream gives so many at once.
const MAX_CONSUMERS: usize = 256;

/// One answer of many.
#[derive(Clone, Debug)]
pub struct Answered<A> {
    /// What was said.
    pub answer: A,
    /// From the question to the answer's arrival.
    pub after: Duration,
}

/// What a stream holds, and who reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamUse {
    /// Its name.
    pub stream: &'static str,
    /// Bytes in it.
    pub bytes: u64,
    /// Bytes that it may hold.
    pub max_bytes: u64,
    /// Messages in it.
    pub messages: u64,
    /// Each durable consumer with the messages that wait for it, and those that it has and has not settled.
    pub consumers: Vec<(String, u64, u64)>,
}

#[derive(Deserialize)]
struct StreamInfo {
    state: StreamNow,
}

#[derive(Deserialize)]
struct StreamNow {
    bytes: u64,
    messages: u64,
}

#[derive(Deserialize)]
struct ConsumerList {
    #[serde(default)]
    consumers: Vec<ConsumerNow>,
}

#[derive(Deserialize)]
struct ConsumerNow {
    name: String,
    num_pending: u64,
    num_ack_pending: u64,
}

impl Bus {
    /// Asks everybody who serves the subject by [`Bus::serve_each`], and gives the answers that come within `wait`, or
    /// until `enough` says so. What cannot be read is left out. Errors: NATS is away.
    pub async fn ask_everybody<M, A>(
        &self,
        question: &M,
        wait: Duration,
        mut enough: impl FnMut(&[Answered<A>]) -> bool,
    ) -> Result<Vec<Answered<A>>, BusError>
    where
        M: Message,
        A: DeserializeOwned,
    {
        let subject = question.subject();
        let body = to_json(subject.as_str(), question)?;
        self.ready().await?;
        let client = &self.inner.client;
        let failed = |error: &dyn std::error::Error| BusError::Server {
            doing: format!("asking everybody on {subject}"),
            code: 0,
            status: 503,
            detail: error.to_string(),
        };
        let inbox = client.new_inbox();
        let mut answers = client.subscribe(inbox.clone()).await.map_err(|error| failed(&error))?;
        let asked = Instant::now();
        client.publish_with_reply(subject.to_string(), inbox, body).await.map_err(|error| failed(&error))?;
        let mut got = Vec::new();
        while got.len() < MAX_ANSWERS && !enough(&got) {
            let Ok(Some(message)) = tokio::time::timeout_at(asked + wait, answers.next()).await else {
                break;
            };
            match serde_json::from_slice(&message.payload) {
                Ok(answer) => got.push(Answered { answer, after: asked.elapsed() }),
                // NATS itself says so when nobody listens.
                Err(_) if message.payload.is_empty() => break,
                Err(error) => tracing::warn!(%subject, %error, "an answer cannot be read and is left out"),
            }
        }
        Ok(got)
    }

    /// Answers questions that go to everybody, one after the other, until `shutdown`. Comes back by itself after a loss
    /// of NATS. A question that cannot be read is not answered.
    pub async fn serve_each<M, A, F, Fut>(&self, filter: Subject, shutdown: CancellationToken, handler: F)
    where
        M: Message,
        A: Serialize,
        F: Fn(M) -> Fut,
        Fut: Future<Output = A>,
    {
        let client = &self.inner.client;
        let mut questions = loop {
            match client.subscribe(filter.to_string()).await {
                Ok(questions) => break questions,
                Err(error) => tracing::warn!(%filter, %error, "questions to everybody are not heard yet"),
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        };
        loop {
            let message = tokio::select! {
                () = shutdown.cancelled() => return,
                message = questions.next() => message,
            };
            let Some(message) = message else { return };
            // Whoever asks may name any subject, and we may perhaps publish where he may not.
            let Some(inbox) = message.reply.filter(|reply| is_inbox(reply)) else { continue };
            let Ok(question) = serde_json::from_slice::<M>(&message.payload) else { continue };
            match to_json(filter.as_str(), &handler(question).await) {
                Ok(body) => {
                    // Nobody may wait any more.
                    let _ = client.publish(inbox, body).await;
                }
                Err(error) => tracing::error!(%filter, %error, "an answer cannot be written"),
            }
        }
    }

    /// What every stream of EmboFlow holds now. Errors: NATS is away, or a stream is missing.
    pub async fn streams_use(&self) -> Result<Vec<StreamUse>, BusError> {
        self.ready().await?;
        let mut all = Vec::with_capacity(STREAMS.len());
        for spec in STREAMS {
            let doing = format!("looking at stream {}", spec.name);
            let info: StreamInfo =
                self.api(&format!("STREAM.INFO.{}", spec.name), &json!(null), doing).await?;
            let doing = format!("looking at the consumers of stream {}", spec.name);
            let list: ConsumerList =
                self.api(&format!("CONSUMER.LIST.{}", spec.name), &json!({ "offset": 0 }), doing).await?;
            let consumers = list.consumers.into_iter().take(MAX_CONSUMERS);
            all.push(StreamUse {
                stream: spec.name,
                bytes: info.state.bytes,
                max_bytes: u64::try_from(spec.max_bytes).unwrap_or(0),
                messages: info.state.messages,
                consumers: consumers
                    .map(|consumer| (consumer.name, consumer.num_pending, consumer.num_ack_pending))
                    .collect(),
            });
        }
        Ok(all)
    }
}
