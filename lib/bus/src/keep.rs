//! Keeps deliveries with their holder: as long as one lives, the server is told that the work on it goes on.

use std::collections::HashMap;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_nats::Subject as NatsSubject;
use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::bus::Bus;
use crate::delivery::Delivery;

const IN_PROGRESS: &[u8] = b"+WPI";

/// Beaten by whoever works on a consumer's messages while it waits for something that is down, so that this is told from
/// hanging. Clones share it.
#[derive(Clone, Debug)]
pub struct Pulse(Arc<watch::Sender<Instant>>);

impl Default for Pulse {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Instant::now())))
    }
}

impl Pulse {
    /// Whoever works on the messages is there.
    pub fn beat(&self) {
        self.0.send_replace(Instant::now());
    }

    fn last(&self) -> Instant {
        *self.0.borrow()
    }
}

/// What all deliveries of one consumer share.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) bus: Bus,
    pub(crate) ack_wait: Duration,
    /// How long one delivery is kept without a beat of the pulse.
    pub(crate) patience: Duration,
    pub(crate) pulse: Pulse,
    /// The stream may have lost its newest messages when its server is started again.
    pub(crate) forgets: bool,
    /// When the server made the consumer that is open now, in nanoseconds by its clock.
    pub(crate) made_at: AtomicI64,
    /// Where deliveries go back to that are to be handed out again.
    pub(crate) again: mpsc::UnboundedSender<Delivery>,
    /// Since when each living delivery is held, by the subject that settles it.
    pub(crate) living: Mutex<HashMap<String, Instant>>,
}

impl Origin {
    fn living(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        // Nothing in a critical section can leave the map half changed.
        self.living.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that were handed out a while ago and not too long ago.
    fn to_keep(&self, now: Instant) -> Vec<String> {
        let seen = self.pulse.last();
        let living = self.living();
        let kept = living.iter().filter(|(_, since)| {
            now.duration_since(**since) >= self.round()
                && now.duration_since(seen.max(**since)) < self.patience
        });
        kept.map(|(settle, _)| settle.clone()).collect()
    }

    /// Time between two signs of life: one may be lost or late.
    fn round(&self) -> Duration {
        self.ack_wait / 3
    }
}

/// A delivery's place among the living ones of its consumer.
#[derive(Debug)]
pub(crate) struct Held {
    settle: NatsSubject,
    origin: Arc<Origin>,
}

impl Held {
    pub(crate) fn new(settle: NatsSubject, origin: Arc<Origin>) -> Self {
        let held = Self { settle, origin };
        held.begin_anew();
        held
    }

    /// Counts its time from now on.
    pub(crate) fn begin_anew(&self) {
        self.origin.living().insert(self.settle.to_string(), Instant::now());
    }

    /// The subject that settles it.
    pub(crate) fn settle(&self) -> &NatsSubject {
        &self.settle
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.origin.living().remove(self.settle.as_str());
    }
}

/// Tells the server of the living deliveries until consumer and deliveries are gone.
pub(crate) async fn keep_alive(origin: Weak<Origin>) {
    while let Some(origin) = origin.upgrade() {
        if origin.bus.is_connected() {
            for settle in origin.to_keep(Instant::now()) {
                // What is lost here is said again in the next round.
                let _ = origin.bus.inner.client.publish(settle, Bytes::from_static(IN_PROGRESS)).await;
            }
        }
        let pause = origin.round();
        drop(origin);
        tokio::time::sleep(pause).await;
    }
}
