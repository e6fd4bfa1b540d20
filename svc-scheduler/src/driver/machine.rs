//! The world of the product: this machine's clocks, tokio and NATS.

use std::future::Future;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use emboflow_bus::{Bus, BusError, Delivery, ack_all};
use emboflow_model::{ExecutorId, RunId, Timestamp};
use emboflow_protocol::call::{ObjectsRemoved, RemoveObjects};
use emboflow_protocol::message::Message;
use emboflow_protocol::notice::Notice;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use uuid::Uuid;

use super::feeds;
use super::outbox::Told;
use super::world::{Envelope, Feeds, Letter, World};

/// A call to the API works for ten seconds and answers.
const REMOVAL_WAIT: Duration = Duration::from_secs(60);

static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

/// This machine, with its way to NATS.
#[derive(Clone)]
pub(crate) struct Machine {
    bus: Bus,
}

impl Machine {
    pub(super) fn new(bus: Bus) -> Self {
        Self { bus }
    }
}

impl World for Machine {
    type Letter = Delivery;

    fn wall_clock(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Timestamp(since.map_or(0, |since| since.as_millis() as i64))
    }

    fn monotonic(&self) -> Duration {
        STARTED.elapsed()
    }

    fn pause(&self, pause: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(pause)
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(work);
    }

    fn new_run_id(&self) -> RunId {
        RunId::from_bits(Uuid::now_v7().as_u128())
    }

    fn new_trace_id(&self) -> String {
        Uuid::new_v4().simple().to_string()
    }

    async fn reply(&self, subject: &str, answer: &Told) -> Result<(), BusError> {
        self.bus.reply(subject, answer).await
    }

    async fn publish_all<M: Message + Send + Sync>(
        &self,
        messages: &[M],
    ) -> Result<Vec<(usize, BusError)>, BusError> {
        self.bus.publish_all(messages).await
    }

    async fn forget_executor(&self, executor: &ExecutorId) -> Result<(), BusError> {
        self.bus.forget_executor(executor).await
    }

    async fn remove_objects(&self, call: &RemoveObjects) -> Result<ObjectsRemoved, BusError> {
        self.bus.call(call, REMOVAL_WAIT).await
    }

    async fn notices(&self, kind: &'static str) -> BoxStream<'static, ()> {
        let notices = self.bus.subscribe(Notice::filter(Some(kind))).await;
        // Without notices the driver learns of changes a little later.
        notices.map_or_else(|_| stream::pending().boxed(), |notices| notices.map(|_| ()).boxed())
    }

    async fn open_feeds(&self, feeds: Feeds<Self>) -> anyhow::Result<()> {
        feeds::open(&self.bus, feeds).await
    }
}

impl Letter for Delivery {
    fn envelope(&self) -> Envelope<'_> {
        Envelope {
            subject: &self.subject,
            idempotency_key: self.headers.idempotency_key(),
            reply_to: self.headers.reply_to(),
            traceparent: self.traceparent(),
            payload: &self.payload,
            sequence: self.sequence,
            published_at: self.published_at,
        }
    }

    fn decode<M: Message>(&self) -> Result<M, BusError> {
        self.decode()
    }

    async fn settle(letters: Vec<Self>) -> Result<(), BusError> {
        ack_all(letters).await
    }

    async fn retry_after(self, delay: Duration) {
        self.retry_after(delay).await;
    }

    async fn bury(self, reason: &str, why: &str) -> Result<(), BusError> {
        self.bury(reason, why).await
    }
}
