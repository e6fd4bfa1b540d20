//! What the driver needs beside the records: time, messages, and somewhere to run. In the product these are the
//! machine's clocks, NATS and tokio; the simulation brings its own, so that this very driver runs in it.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use emboflow_bus::{BusError, Pulse};
use emboflow_model::{ExecutorId, RunId, Timestamp};
use emboflow_protocol::call::{ObjectsRemoved, RemoveObjects};
use emboflow_protocol::message::Message;
use futures::stream::BoxStream;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::feeds::Signal;
use super::outbox::Told;
use crate::planner::Planner;

/// Everything around one life of the driver. Clones are the same world.
pub(crate) trait World: Clone + Send + Sync + 'static {
    /// A message of a stream, in the driver's hands until it is settled.
    type Letter: Letter;

    /// The wall clock, which somebody may set.
    fn wall_clock(&self) -> Timestamp;

    /// The time since some moment, which nobody sets.
    fn monotonic(&self) -> Duration;

    /// Lets time pass.
    fn pause(&self, pause: Duration) -> impl Future<Output = ()> + Send;

    /// Does work beside the caller's.
    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static);

    /// An id that no run has.
    fn new_run_id(&self) -> RunId;

    /// A W3C trace id that no trace has.
    fn new_trace_id(&self) -> String;

    /// Sends an answer to whoever waits for it; nobody may.
    fn reply(&self, subject: &str, answer: &Told) -> impl Future<Output = Result<(), BusError>> + Send;

    /// Publishes in order. Gives the places of those that are refused for what they are or for want of room; the others
    /// are stored. After an error any of them may be stored.
    fn publish_all<M: Message + Send + Sync>(
        &self,
        messages: &[M],
    ) -> impl Future<Output = Result<Vec<(usize, BusError)>, BusError>> + Send;

    /// Takes an executor off the list, with the commands that wait for it.
    fn forget_executor(&self, executor: &ExecutorId) -> impl Future<Output = Result<(), BusError>> + Send;

    /// Has the API remove objects of a run that is being removed.
    fn remove_objects(
        &self,
        call: &RemoveObjects,
    ) -> impl Future<Output = Result<ObjectsRemoved, BusError>> + Send;

    /// Says when kept documents of a kind have changed; some changes may pass in silence.
    fn notices(&self, kind: &'static str) -> impl Future<Output = BoxStream<'static, ()>> + Send;

    /// Shows the planner after each tick to whoever looks on.
    fn looks_on(&self, _planner: &Planner) {}

    /// Opens what brings signals to the driver.
    fn open_feeds(&self, feeds: Feeds<Self>) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// What feeds are opened with.
pub(crate) struct Feeds<W: World> {
    pub(crate) signals: mpsc::Sender<Signal<W::Letter>>,
    /// Beaten while the driver waits for something that is down.
    pub(crate) pulse: Pulse,
    /// Requests stay in their stream.
    pub(crate) is_shut: watch::Receiver<bool>,
    /// They end with it.
    pub(crate) stop: CancellationToken,
    /// What the end of this life waits for.
    pub(crate) tasks: TaskTracker,
}

/// A message that comes again until it is settled.
pub(crate) trait Letter: Sized + Send + 'static {
    /// All but what it says.
    fn envelope(&self) -> Envelope<'_>;

    /// What it says. Errors: it cannot be read, or is somebody else's.
    fn decode<M: Message>(&self) -> Result<M, BusError>;

    /// Settles them, after what they ask for is in the records. Errors: some may come again.
    fn settle(letters: Vec<Self>) -> impl Future<Output = Result<(), BusError>> + Send;

    /// Has it come again after a while.
    fn retry_after(self, delay: Duration) -> impl Future<Output = ()> + Send;

    /// Puts it among the dead letters. Errors: it comes again.
    fn bury(self, reason: &str, why: &str) -> impl Future<Output = Result<(), BusError>> + Send;
}

/// Where a message comes from, and its body unread.
pub(crate) struct Envelope<'l> {
    pub(crate) subject: &'l str,
    pub(crate) idempotency_key: Option<&'l str>,
    pub(crate) reply_to: Option<&'l str>,
    pub(crate) traceparent: Option<&'l str>,
    pub(crate) payload: &'l Bytes,
    /// Its place in the stream; starts over when NATS is emptied.
    pub(crate) sequence: u64,
    /// When the stream took it, by the server's clock.
    pub(crate) published_at: Timestamp,
}
