//! What the scheduler is told at its start.

use std::net::SocketAddr;

use emboflow_service::Secret;
use serde::Deserialize;

use crate::planner::Policy;

/// The scheduler's configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How to reach NATS.
    #[serde(default)]
    pub nats: emboflow_bus::Config,
    /// Where the records are.
    pub records: emboflow_records::Config,
    /// Secret of at least 32 bytes that signs storage tokens; the gateway and the API use the same.
    pub storage_key: Secret,
    /// Where `/health`, `/ready` and `/metrics` are served; port 0 picks a free one. Default `127.0.0.1:4083`.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// Rules for retries and silence.
    #[serde(default)]
    pub policy: Policy,
    /// For tests: die at the N-th visit of a place, as `before-commit:3`.
    #[serde(default)]
    pub fail_at: Option<String>,
}

fn default_listen() -> SocketAddr {
    ([127, 0, 0, 1], 4083).into()
}
