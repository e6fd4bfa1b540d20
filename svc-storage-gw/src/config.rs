//! What the gateway is told at its start.

use emboflow_objects::Backend;
use emboflow_service::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// The gateway's configuration.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
pub struct Config {
    /// Where HTTP is served; port 0 picks a free one. Default `127.0.0.1:4082`.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// Where the objects lie.
    pub backend: Backend,
    /// Secret of at least 32 bytes that signs storage tokens; the scheduler and the API use the same.
    pub signing_key: Secret,
    /// Bounds on what callers can take up.
    #[serde(default)]
    pub limits: Limits,
    /// Where to register as a NATS micro service and to tell of new objects; the gateway works without.
    #[serde(default)]
    pub nats: Option<emboflow_bus::Config>,
    /// For tests: die at the N-th visit of a place, as `stored:3`.
    #[serde(default)]
    pub fail_at: Option<String>,
}

fn default_listen() -> SocketAddr {
    ([127, 0, 0, 1], 4082).into()
}

impl Config {
    /// The configuration of the embedded gateway; everything else by default.
    pub fn new(listen: SocketAddr, backend: Backend, signing_key: Secret) -> Self {
        Self { listen, backend, signing_key, limits: Limits::default(), nats: None, fail_at: None }
    }
}

/// Bounds on what callers can take up.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Limits {
    /// Uploads under way at once; more wait. Default 64.
    pub uploads: usize,
    /// How long an upload waits for its turn before 503. Default 30 s.
    pub upload_wait_ms: u64,
    /// How long a caller or a back end may send nothing in the middle of an object. Default 60 s.
    pub stall_ms: u64,
    /// The largest object. Default 1 TiB.
    pub object_bytes: u64,
    /// How long it is believed how much a project stores, before it is counted again. Default 10 minutes.
    pub stored_age_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            uploads: 64,
            upload_wait_ms: 30_000,
            stall_ms: 60_000,
            object_bytes: 1 << 40,
            stored_age_ms: 600_000,
        }
    }
}
