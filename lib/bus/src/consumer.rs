//! A durable consumer that never gives up: it makes itself anew when it is silent, deleted or stuck.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use emboflow_protocol::Subject;
use emboflow_protocol::stream::StreamSpec;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::bus::Bus;
use crate::connection::Connection;
use crate::delivery::{Delivery, MAX_DELIVERIES};
use crate::error::BusError;
use crate::keep::{Origin, Pulse, keep_alive};
use crate::metrics;
use crate::pull::{Pull, Pulled, backlog, give_up, is_stuck};

/// How often a quiet consumer is looked at.
const CHECK_EACH: Duration = Duration::from_secs(30);

/// What to consume.
#[derive(Clone, Debug)]
pub struct ConsumerSpec {
    /// The stream.
    pub stream: StreamSpec,
    /// The consumer's name, the same after every restart: letters, digits, `-` and `_`.
    pub durable: String,
    /// Only these subjects of the stream.
    pub filter: Option<Subject>,
    /// Messages in work at most: the true capacity of this process.
    pub max_ack_pending: usize,
    /// After how long a message comes again whose delivery was dropped unsettled, or whose process ended.
    pub ack_wait: Duration,
    /// A delivery that is kept for longer, and without a beat of the pulse for as long, hangs: it comes again, and that
    /// counts as a failed delivery.
    pub patience: Duration,
    /// Beaten by whoever works on the messages while it waits for something that is down.
    pub pulse: Pulse,
}

impl ConsumerSpec {
    /// All subjects of the stream, 512 in work at most, 15 s until a lost one comes again, 10 min for one that hangs.
    pub fn new(stream: StreamSpec, durable: impl Into<String>) -> Self {
        Self {
            stream,
            durable: durable.into(),
            filter: None,
            max_ack_pending: 512,
            ack_wait: Duration::from_secs(15),
            patience: Duration::from_secs(600),
            pulse: Pulse::default(),
        }
    }
}

/// A durable consumer.
pub struct Consumer {
    bus: Bus,
    spec: ConsumerSpec,
    origin: Arc<Origin>,
    stop: CancellationToken,
    connection: watch::Receiver<Connection>,
    streams_made: watch::Receiver<u64>,
    pull: Option<Pull>,
    /// The server, of this start of it, that the consumer was opened on last.
    server: Option<String>,
    /// Taken from the server and not handed out yet.
    arrived: VecDeque<Delivery>,
    /// Deliveries whose wait after `retry_after` is over.
    held: mpsc::UnboundedReceiver<Delivery>,
    backoff: Backoff,
    last_delivery: Instant,
    next_check: Instant,
}

impl Bus {
    /// Starts to consume. When NATS is away the consumer comes up later by itself. Errors: NATS refuses the
    /// settings.
    pub async fn consume(&self, spec: ConsumerSpec) -> Result<Consumer, BusError> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if spec.durable.is_empty() || !spec.durable.chars().all(is_plain) {
            return Err(BusError::Invalid { what: "name of a consumer", why: format!("'{}'", spec.durable) });
        }
        let (again, held) = mpsc::unbounded_channel();
        let origin = Arc::new(Origin {
            bus: self.clone(),
            ack_wait: spec.ack_wait,
            patience: spec.patience,
            pulse: spec.pulse.clone(),
            forgets: spec.stream.persist_async,
            made_at: AtomicI64::new(0),
            again,
            living: Mutex::default(),
        });
        tokio::spawn(keep_alive(Arc::downgrade(&origin)));
        let mut consumer = Consumer {
            bus: self.clone(),
            spec,
            origin,
            stop: CancellationToken::new(),
            connection: self.connection(),
            streams_made: self.streams_made(),
            pull: None,
            server: None,
            arrived: VecDeque::new(),
            held,
            backoff: Backoff::new(Duration::from_millis(50), Duration::from_secs(2)),
            last_delivery: Instant::now(),
            next_check: Instant::now() + CHECK_EACH,
        };
        match consumer.open().await {
            Err(error) if !error.is_unavailable() => Err(error),
            _ => Ok(consumer),
        }
    }
}

impl Consumer {
    /// Ends at this signal: what was fetched and not handed out goes back to the stream, and
    /// [`Consumer::next_batch`] returns nothing.
    #[must_use]
    pub fn until(mut self, stop: CancellationToken) -> Self {
        self.stop = stop;
        self
    }

    /// Waits for messages and returns at least one and at most `max` (at least 1), in the order of the stream except
    /// for those that come again. Never fails: it makes consumer and stream anew with growing waits between. Returns
    /// nothing only after the signal of [`Consumer::until`]. May be dropped while it waits; nothing is lost.
    pub async fn next_batch(&mut self, max: usize) -> Vec<Delivery> {
        loop {
            if self.stop.is_cancelled() {
                self.give_back().await;
                return Vec::new();
            }
            self.take_arrived(max.max(1));
            if !self.arrived.is_empty() {
                let count = self.arrived.len().min(max.max(1));
                return self.arrived.drain(..count).collect();
            }
            self.wait().await;
        }
    }

    /// Reads on without handing anything out, so that what has come is kept alive. Never returns, and may be dropped at
    /// any time.
    pub async fn read_on(&mut self) {
        while !self.stop.is_cancelled() {
            self.wait().await;
        }
        std::future::pending().await
    }

    /// Moves what is here already into `arrived`, without waiting.
    fn take_arrived(&mut self, max: usize) {
        while self.arrived.len() < max {
            if let Ok(delivery) = self.held.try_recv() {
                self.arrived.push_back(delivery);
                continue;
            }
            match self.pull.as_mut().and_then(Pull::arrived) {
                Some(pulled) => self.take(pulled),
                None => return,
            }
        }
    }

    /// Waits for one thing to happen, and notes it.
    async fn wait(&mut self) {
        let Some(pull) = self.pull.as_mut() else {
            return self.reopen().await;
        };
        tokio::select! {
            () = self.stop.cancelled() => {}
            Some(delivery) = self.held.recv() => self.arrived.push_back(delivery),
            pulled = pull.next() => self.take(pulled),
            changed = self.connection.changed() => {
                if changed.is_ok() {
                    self.connection_changed();
                } else {
                    // The bus is gone with its client: only the signal can end this.
                    self.stop.cancelled().await;
                }
            }
            // The server does not always tell a puller that its stream was deleted.
            Ok(()) = self.streams_made.changed() => self.start_over(),
            () = tokio::time::sleep_until(self.next_check) => self.check().await,
        }
    }

    fn take(&mut self, pulled: Pulled) {
        match pulled {
            Pulled::Message(message, source) => {
                self.last_delivery = Instant::now();
                self.next_check = self.last_delivery + CHECK_EACH;
                self.backoff.reset();
                if let Some(delivery) = Delivery::new(*message, source, &self.origin) {
                    self.admit(delivery);
                }
            }
            Pulled::Broken(why) if self.bus.is_connected() => self.stalled(&why),
            Pulled::Broken(_) => self.pull = None,
        }
    }

    /// Counts deliveries before anything is decoded, so that a message that kills its reader cannot do so for ever.
    fn admit(&mut self, delivery: Delivery) {
        if delivery.delivered > 1 {
            metrics::REDELIVERIES.with_label_values(&self.labels()).inc();
        }
        if delivery.delivered <= MAX_DELIVERIES {
            self.arrived.push_back(delivery);
            return;
        }
        let (consumer, stream) = (self.spec.durable.clone(), self.spec.stream.name);
        tokio::spawn(async move {
            let error = format!(
                "consumer {consumer} of {stream} had it {} times and settled it never",
                delivery.delivered - 1
            );
            if let Err(error) = delivery.bury("redelivered", &error).await {
                tracing::warn!(%error, consumer, stream, "a message could not be buried; it comes again");
            }
        });
    }

    fn stalled(&mut self, why: &str) {
        metrics::STALLS.with_label_values(&self.labels()).inc();
        tracing::warn!(
            why,
            consumer = self.spec.durable,
            stream = self.spec.stream.name,
            "making a consumer anew"
        );
        self.pull = None;
    }

    /// After a loss of the connection the server may know nothing of our pull requests.
    fn connection_changed(&mut self) {
        if *self.connection.borrow_and_update() == Connection::Connected {
            self.start_over();
        }
    }

    fn start_over(&mut self) {
        self.take_arrived(usize::MAX);
        self.pull = None;
        self.backoff.reset();
    }

    async fn check(&mut self) {
        self.next_check = Instant::now() + CHECK_EACH;
        match backlog(&self.bus, &self.spec).await {
            Ok(backlog) if is_stuck(backlog, &self.spec, self.last_delivery.elapsed()) => {
                self.stalled(&format!("{} messages wait and none is delivered", backlog.num_pending));
                self.last_delivery = Instant::now();
            }
            Err(error) if error.is_not_found() => self.stalled(&error.to_string()),
            Ok(_) => self.backoff.reset(),
            Err(_) => {}
        }
    }

    /// Opens again after a wait, in which held deliveries and the signal are not kept waiting.
    async fn reopen(&mut self) {
        let pause = self.backoff.step();
        tokio::select! {
            () = self.stop.cancelled() => return,
            Some(delivery) = self.held.recv() => return self.arrived.push_back(delivery),
            () = tokio::time::sleep(pause) => {}
        }
        let (bus, stop) = (self.bus.clone(), self.stop.clone());
        tokio::select! {
            () = stop.cancelled() => {}
            ready = bus.ready() => {
                if ready.is_ok() && let Err(error) = self.open().await {
                    let consumer = &self.spec.durable;
                    tracing::warn!(%error, consumer, "the consumer could not be opened; trying again");
                }
            }
        }
    }

    async fn open(&mut self) -> Result<(), BusError> {
        self.connection.mark_unchanged();
        self.streams_made.mark_unchanged();
        let round = self.bus.streams_round();
        let server = self.bus.inner.client.server_info().server_id;
        // A server that was killed may know better what it gave out than what the stream has: what takes the place of a
        // message that it has lost would count as given out.
        if self.spec.stream.persist_async && self.server.as_ref().is_some_and(|before| *before != server) {
            give_up(&self.bus, &self.spec).await;
        }
        let opened = match Pull::open(&self.bus, &self.spec).await {
            Err(error) if error.is_not_found() && self.bus.owns_streams() => {
                self.bus.ensure_streams_since(round).await?;
                self.streams_made.mark_unchanged();
                Pull::open(&self.bus, &self.spec).await
            }
            other => other,
        };
        let pull = self.pull.insert(opened?);
        self.server = Some(server);
        self.origin.made_at.store(pull.source.made_at, Ordering::Relaxed);
        self.next_check = Instant::now() + CHECK_EACH;
        Ok(())
    }

    async fn give_back(&mut self) {
        self.take_arrived(usize::MAX);
        self.pull = None;
        for delivery in self.arrived.drain(..) {
            delivery.give_back().await;
        }
    }

    fn labels(&self) -> [&str; 2] {
        [self.spec.stream.name, &self.spec.durable]
    }
}
