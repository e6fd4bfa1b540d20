//! How often somebody may ask: token buckets for each client, so that a flood hurts only itself.
//!
//! A client is whoever signed in, whatever key or session was used; before that, an address.

mod asker;
mod buckets;
mod layers;
mod shares;
mod streams;

use std::time::Duration;

use emboflow_service::Shutdown;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::app::App;

pub(crate) use asker::Asker;
pub(crate) use buckets::{Buckets, network_of};
pub(crate) use layers::{by_address, by_caller};
pub(crate) use shares::{Share, Shares};
pub(crate) use streams::OpenStream;

const IDLE: Duration = Duration::from_secs(60);

/// How much one client may ask for; 0 does not limit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Reading requests a second of one client; ten times as many at once. Default 500.
    pub reads_per_second: u32,
    /// Writing requests a second of one client; ten times as many at once. Default 250.
    pub writes_per_second: u32,
    /// Sign-ins that one address may try a minute. Default 30.
    pub sign_ins_per_minute: u32,
    /// Requests a minute of one address whose token, key or session is not good. Default 60.
    pub refused_per_minute: u32,
    /// Connections at the same time. Default 4,096.
    pub connections: u32,
    /// Connections of one address at the same time, unless it is this machine's or a trusted proxy's. Default 256.
    pub connections_per_address: u32,
    /// Event streams and followed logs of one client at the same time. Default 64.
    pub streams: u32,
    /// Milliseconds in which the head of a request has to come, from the first moment on that a connection waits for it.
    /// Default 30,000.
    pub head_wait_ms: u64,
}

/// Now and then lets go of clients that have not come for a while.
pub(crate) fn forget_idle_clients(app: App, shutdown: &Shutdown) {
    let stop = shutdown.token();
    shutdown.spawn("idle clients", async move {
        while stop.run_until_cancelled(tokio::time::sleep(IDLE)).await.is_some() {
            app.buckets.forget_idle();
        }
    });
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            reads_per_second: 500,
            writes_per_second: 250,
            sign_ins_per_minute: 30,
            refused_per_minute: 60,
            connections: 4_096,
            connections_per_address: 256,
            streams: 64,
            head_wait_ms: 30_000,
        }
    }
}

impl Limits {
    /// Only what protects the process itself: for an installation that one person has alone.
    pub fn alone() -> Self {
        Self {
            reads_per_second: 0,
            writes_per_second: 0,
            sign_ins_per_minute: 0,
            refused_per_minute: 0,
            connections_per_address: 0,
            streams: 0,
            ..Self::default()
        }
    }
}
