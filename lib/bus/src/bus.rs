//! The handle that everything else hangs on.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_nats::Client;
use async_nats::connection::State;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::ContextBuilder;
use tokio::sync::{Mutex, watch};

use crate::config::{Config, without_password};
use crate::connection::{self, Connection, Line};
use crate::error::BusError;
use crate::metrics;

/// One connection to NATS with everything a service does over it. Clones share it.
#[derive(Clone)]
pub struct Bus {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) client: Client,
    pub(crate) jetstream: Context,
    pub(crate) answer_wait: Duration,
    connect_wait: Duration,
    url: String,
    connection: watch::Receiver<Connection>,
    /// Held while streams are made, so that many callers that miss one make it once.
    pub(crate) making_streams: Mutex<()>,
    /// Times that all streams were found or made.
    pub(crate) streams_ensured: AtomicU64,
    /// This process makes streams; one that only calls does not.
    pub(crate) owns_streams: AtomicBool,
    /// Times that a missing stream had to be made.
    pub(crate) streams_made: watch::Sender<u64>,
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus").field("url", &self.inner.url).finish_non_exhaustive()
    }
}

impl Bus {
    /// Connects in the background and goes on trying for ever, also when NATS is not there yet:
    /// [`Bus::connection`] tells. Errors: only for a configuration that can never work.
    pub async fn connect(config: &Config) -> Result<Self, BusError> {
        metrics::announce();
        let (client, connection) = connection::connect(config).await?;
        let jetstream = ContextBuilder::new().timeout(config.answer_wait).build(client.clone());
        let inner = Arc::new(Inner {
            client,
            jetstream,
            answer_wait: config.answer_wait,
            connect_wait: config.connect_wait,
            url: without_password(&config.url),
            connection,
            making_streams: Mutex::new(()),
            streams_ensured: AtomicU64::new(0),
            owns_streams: AtomicBool::new(false),
            streams_made: watch::Sender::new(0),
        });
        let bus = Self { inner };
        bus.ensure_streams_after_reconnects();
        Ok(bus)
    }

    /// Whether NATS is there, and every change of it.
    pub fn connection(&self) -> watch::Receiver<Connection> {
        self.inner.connection.clone()
    }

    /// Whether NATS is there now.
    pub fn is_connected(&self) -> bool {
        self.inner.client.connection_state() == State::Connected
    }

    /// Counts how often a missing stream was made by this process. A change after the start means that NATS has
    /// forgotten messages; another process may be the one that makes them again, see [`Bus::stream_state`].
    pub fn streams_made(&self) -> watch::Receiver<u64> {
        self.inner.streams_made.subscribe()
    }

    /// The addresses, without credentials.
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// Bytes of one message (headers and payload) that the server takes at most.
    pub fn max_message_bytes(&self) -> usize {
        self.inner.client.max_payload()
    }

    /// Sends what is still buffered, at the end of a service. Waits 2 s at most.
    pub async fn flush(&self) {
        let _ = tokio::time::timeout(Duration::from_secs(2), self.inner.client.flush()).await;
    }

    /// Waits for a connection as long as configured.
    pub(crate) async fn ready(&self) -> Result<(), BusError> {
        if self.is_connected() {
            return Ok(());
        }
        let mut connection = self.connection();
        let back = connection.wait_for(|state| *state == Connection::Connected);
        let came_back = matches!(tokio::time::timeout(self.inner.connect_wait, back).await, Ok(Ok(_)));
        // An event can be lost when very many come at once; the client's own state cannot.
        if came_back || self.is_connected() { Ok(()) } else { Err(self.disconnected()) }
    }

    /// The line to the server from now on: taken before something is sent, it tells whether its answer can still come.
    pub(crate) fn line(&self) -> Line {
        Line::from_now(self.connection())
    }

    /// Waits for the answer to what was sent under `doing` over a line, and not for one that a server which is gone should
    /// have given. Errors: [`BusError::Timeout`]; it may have been done all the same.
    pub(crate) async fn unless_lost<T>(
        line: Line,
        doing: impl FnOnce() -> String,
        answer: impl Future<Output = T>,
    ) -> Result<T, BusError> {
        let sent = Instant::now();
        tokio::select! {
            biased;
            answer = answer => Ok(answer),
            () = line.lost() => {
                let after_ms = u64::try_from(sent.elapsed().as_millis()).unwrap_or(u64::MAX);
                Err(BusError::Timeout { doing: doing(), after_ms })
            }
        }
    }

    pub(crate) fn disconnected(&self) -> BusError {
        BusError::Disconnected { url: self.inner.url.clone() }
    }

    pub(crate) fn timeout(&self, doing: impl Into<String>) -> BusError {
        if !self.is_connected() {
            return self.disconnected();
        }
        let after_ms = u64::try_from(self.inner.answer_wait.as_millis()).unwrap_or(u64::MAX);
        BusError::Timeout { doing: doing.into(), after_ms }
    }

    /// An emptied NATS comes back without streams; its first reconnect finds that out.
    fn ensure_streams_after_reconnects(&self) {
        let weak = Arc::downgrade(&self.inner);
        let mut connection = self.connection();
        tokio::spawn(async move {
            while connection.changed().await.is_ok() {
                if *connection.borrow_and_update() == Connection::Disconnected {
                    continue;
                }
                let Some(inner) = weak.upgrade() else { return };
                let bus = Bus { inner };
                if !bus.inner.owns_streams.load(Ordering::Relaxed) {
                    continue;
                }
                if let Err(error) = bus.ensure_streams().await {
                    tracing::warn!(%error, "the streams could not be checked after a reconnect");
                }
            }
        });
    }
}
