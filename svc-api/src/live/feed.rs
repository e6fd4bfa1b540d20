//! The process's one subscription to events: put in order, made complete from the records, handed to all listeners.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use emboflow_bus::{Bus, Connection, Subscription};
use emboflow_protocol::event::Event;
use emboflow_records::SharedRecords;
use emboflow_service::Shutdown;
use tokio::sync::{broadcast, watch};

use super::frame::Frame;
use super::missed::{Missed, SHARD, missed};
use super::order::{Order, Step};

/// Messages that a listener may be behind before it is told to read again.
const CAPACITY: usize = 1_024;
/// How long to wait before the records are asked again at the start.
const RETRY: Duration = Duration::from_millis(500);

/// Where listeners get their messages. Clones share it.
#[derive(Clone)]
pub(crate) struct Feed {
    sender: broadcast::Sender<Arc<Frame>>,
    position: Arc<AtomicU64>,
}

/// Data of the message `resync`.
#[derive(serde::Serialize)]
pub(crate) struct Resync {
    /// What is read from now on contains everything up to here.
    pub(crate) seq: u64,
}

impl Feed {
    /// Subscribes, and begins at the end of the decision log.
    pub(crate) async fn start(bus: &Bus, records: SharedRecords, shutdown: &Shutdown) -> Result<Self> {
        // First listen, then look where the log ends: what comes in between is not lost.
        let events = bus.subscribe(Event::filter(None)).await.context("subscribing to events")?;
        let feed = Self { sender: broadcast::Sender::new(CAPACITY), position: Arc::default() };
        let follower = Follower { feed: feed.clone(), bus: bus.clone(), records, order: Order::after(0) };
        let (stop, connection) = (shutdown.token(), bus.connection());
        shutdown.spawn("event feed", async move {
            tokio::select! { () = stop.cancelled() => {}, () = follower.follow(events, connection) => {} }
        });
        Ok(feed)
    }

    /// Everything from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<Frame>> {
        self.sender.subscribe()
    }

    /// The last place of the log that has been handed out.
    pub(crate) fn position(&self) -> u64 {
        self.position.load(Ordering::Acquire)
    }

    /// Hands a message out; nobody may listen.
    pub(crate) fn send(&self, frame: Frame) {
        drop(self.sender.send(Arc::new(frame)));
    }
}

struct Follower {
    feed: Feed,
    bus: Bus,
    records: SharedRecords,
    order: Order,
}

impl Follower {
    async fn follow(mut self, mut events: Subscription, mut connection: watch::Receiver<Connection>) {
        self.begin().await;
        connection.mark_unchanged();
        loop {
            tokio::select! {
                frame = events.next() => match frame {
                    Some(frame) => self.take(frame).await,
                    None => return,
                },
                changed = connection.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    // What was published while the connection was lost does not come again by itself.
                    if *connection.borrow_and_update() == Connection::Connected {
                        self.catch_up(self.order.last()).await;
                    }
                }
            }
        }
    }

    async fn begin(&mut self) {
        loop {
            match self.records.last_seq(SHARD).await {
                Ok(newest) => return self.reach(newest),
                Err(error) => tracing::warn!(%error, "the end of the decision log is not known yet"),
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn take(&mut self, message: emboflow_bus::Frame) {
        let Some(frame) = Frame::of_payload(&message.payload) else {
            return self.bury(message).await;
        };
        let seq = frame.seq.unwrap_or(0);
        match self.order.place(seq) {
            Step::Old => {}
            Step::Next => {
                self.feed.send(frame);
                self.reach(seq);
            }
            Step::Gap => self.catch_up(seq).await,
        }
    }

    async fn bury(&self, message: emboflow_bus::Frame) {
        let (why, subject) = ("it is no event", &message.subject);
        if let Err(error) =
            self.bus.dead_letter(None, "unreadable_event", subject, message.payload, why).await
        {
            tracing::warn!(%error, subject, "a message that is no event could not be buried; passed over");
        }
    }

    /// Hands out what the records have after the last known place; `seq` has been seen and so is in the log.
    async fn catch_up(&mut self, seq: u64) {
        let through = match missed(self.records.as_ref(), self.order.last(), &|_| true).await {
            Ok(Missed::Events { frames, through }) => {
                frames.into_iter().for_each(|frame| self.feed.send(frame));
                through
            }
            Ok(Missed::Everything { through }) => {
                self.feed.send(Frame::for_everybody("resync", &Resync { seq: through }));
                through
            }
            Err(error) => {
                tracing::warn!(%error, "missed events cannot be read from the records; listeners read again");
                self.feed.send(Frame::for_everybody("resync", &Resync { seq }));
                seq
            }
        };
        self.reach(through);
    }

    fn reach(&mut self, seq: u64) {
        self.order.reach(seq);
        self.feed.position.store(self.order.last(), Ordering::Release);
    }
}
