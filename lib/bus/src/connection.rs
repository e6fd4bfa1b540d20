//! The connection to NATS: how it is made, and whether it stands.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event};
use tokio::sync::watch;

use crate::backoff;
use crate::config::Config;
use crate::credentials;
use crate::error::BusError;
use crate::metrics;

/// A connection that is silent for two of these is given up and made anew.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// How long one attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an answer may still come once the connection is back: what waited in the client's buffer is sent then.
const ANSWERS_AFTER_RECONNECT: Duration = Duration::from_millis(500);

/// Whether NATS is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// It answers.
    Connected,
    /// It does not, and the client keeps trying.
    Disconnected,
}

/// The connection since some moment: whether a server that was sent something then can still answer.
#[derive(Clone, Debug)]
pub(crate) struct Line(watch::Receiver<Connection>);

impl Line {
    pub(crate) fn from_now(mut connection: watch::Receiver<Connection>) -> Self {
        connection.mark_unchanged();
        Self(connection)
    }

    /// Whether the connection was lost since then: who was at the other end may be gone, with all that it knew.
    pub(crate) fn was_lost(&self) -> bool {
        self.0.has_changed().unwrap_or(true)
    }

    /// Ends once the connection was lost since then, has come back, and has stood for so long that what is not answered
    /// will not be.
    pub(crate) async fn lost(self) {
        let Self(mut connection) = self;
        // An error means that the client is gone: nothing comes back.
        if connection.changed().await.is_err()
            || connection.wait_for(|state| *state == Connection::Connected).await.is_err()
        {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(ANSWERS_AFTER_RECONNECT).await;
    }
}

/// Starts to connect and does not wait for it: the watch tells when it stands.
pub(crate) async fn connect(config: &Config) -> Result<(Client, watch::Receiver<Connection>), BusError> {
    let (state, watch) = watch::channel(Connection::Disconnected);
    let had_one = AtomicBool::new(false);
    let options = options(config).await?.event_callback(move |event| {
        note(&event, &state, &had_one);
        std::future::ready(())
    });
    let addresses: Vec<&str> = config.url.split(',').map(str::trim).filter(|url| !url.is_empty()).collect();
    if addresses.is_empty() {
        return Err(BusError::Config { why: "the url is empty".to_owned() });
    }
    let addresses = addresses
        .into_iter()
        .map(|url| url.parse::<async_nats::ServerAddr>())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| BusError::Config { why: format!("the url cannot be read: {error}") })?;
    let client =
        options.connect(addresses).await.map_err(|error| BusError::Config { why: error.to_string() })?;
    Ok((client, watch))
}

async fn options(config: &Config) -> Result<ConnectOptions, BusError> {
    let options = ConnectOptions::new()
        .name(&config.name)
        .ping_interval(PING_INTERVAL)
        .connection_timeout(CONNECT_TIMEOUT)
        .request_timeout(Some(config.answer_wait))
        .retry_on_initial_connect()
        .max_reconnects(None)
        .reconnect_delay_callback(backoff::before_attempt);
    let options = credentials::show(options, config).await?;
    credentials::protect(options, config)
}

fn note(event: &Event, state: &watch::Sender<Connection>, had_one: &AtomicBool) {
    match event {
        Event::Connected => {
            if had_one.swap(true, Ordering::Relaxed) {
                metrics::RECONNECTS.inc();
            }
            tracing::info!("connected to NATS");
            state.send_replace(Connection::Connected);
        }
        Event::Disconnected | Event::Closed => {
            tracing::warn!("the connection to NATS is lost");
            state.send_replace(Connection::Disconnected);
        }
        Event::SlowConsumer(subscription) => {
            metrics::SLOW_CONSUMERS.inc();
            tracing::warn!(subscription, "messages were dropped: this process takes them too slowly");
        }
        Event::LameDuckMode => tracing::info!("NATS is about to stop"),
        Event::Draining => {}
        Event::ServerError(error) => tracing::warn!(%error, "NATS reports an error"),
        Event::ClientError(error) => tracing::warn!(%error, "cannot connect to NATS yet"),
    }
}
