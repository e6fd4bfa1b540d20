//! What the scheduler is told at its start.

use std::net::SocketAddr;

use emboflow_service::{Keys, Secret, telemetry};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::planner::Policy;

/// Milliseconds for which a storage token is good unless the configuration says otherwise: one hour.
pub const STORAGE_TOKEN_MS: u64 = 60 * 60 * 1_000;

/// The scheduler's configuration.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How to reach NATS.
    #[serde(default)]
    pub nats: emboflow_bus::Config,
    /// Where the records are; not needed by [`crate::start_on`].
    #[serde(default)]
    pub records: Option<emboflow_records::Config>,
    /// Secret of at least 32 bytes that signs storage tokens; the gateway and the API use the same.
    pub storage_key: Secret,
    /// Milliseconds for which an attempt's storage token is good; its executor renews it as long as the attempt is open.
    /// Default one hour.
    #[serde(default = "default_token_ms")]
    pub storage_token_ms: u64,
    /// The keys that open the secrets of projects; the API has the same. Without them no task gets a secret.
    #[serde(default)]
    pub secrets: Option<Keys>,
    /// Where `/health`, `/ready` and `/metrics` are served; port 0 picks a free one. Default `127.0.0.1:4083`.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// Rules for retries and silence.
    #[serde(default)]
    pub policy: Policy,
    /// How long what is over is kept.
    #[serde(default)]
    pub retention: Retention,
    /// Where traces go; nowhere by default.
    #[serde(default)]
    pub telemetry: telemetry::Config,
    /// For tests: die at the N-th visit of a place, as `before-commit:3`.
    #[serde(default)]
    pub fail_at: Option<String>,
}

#[cfg(any(test, feature = "simulation"))]
impl Config {
    /// Everything by default but the rules for retries and silence, and a key that protects nothing.
    pub(crate) fn with(policy: Policy) -> Self {
        let storage_key = "k".repeat(32);
        let config = serde_json::json!({ "storage_key": storage_key, "policy": policy });
        serde_json::from_value(config).expect("everything else has a default")
    }
}

/// How long what is over is kept.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Days that a run is kept after its end, with its logs and artifacts; none = for ever (default). A run is kept as
    /// long as one that repeats it.
    pub finished_runs_days: Option<u32>,
    /// Days that an idempotency key is known after the end of its run, or its rejection: 7 (default) or more.
    pub requests_days: u32,
}

impl Retention {
    /// Days that are promised to callers.
    const LEAST_REQUESTS_DAYS: u32 = 7;

    /// Errors: less than what is promised.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.requests_days >= Self::LEAST_REQUESTS_DAYS,
            "retention.requests_days is {}: requests are kept for at least {} days",
            self.requests_days,
            Self::LEAST_REQUESTS_DAYS
        );
        Ok(())
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { finished_runs_days: None, requests_days: Self::LEAST_REQUESTS_DAYS }
    }
}

const fn default_token_ms() -> u64 {
    STORAGE_TOKEN_MS
}

fn default_listen() -> SocketAddr {
    ([127, 0, 0, 1], 4083).into()
}
