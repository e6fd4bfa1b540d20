//! What the trigger service is told at its start.

use std::net::SocketAddr;

use emboflow_service::telemetry;
use serde::Deserialize;

/// The trigger service's configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How to reach NATS.
    #[serde(default)]
    pub nats: emboflow_bus::Config,
    /// Where the records are; not needed by [`crate::start_on`].
    #[serde(default)]
    pub records: Option<emboflow_records::Config>,
    /// Where `/health`, `/ready` and `/metrics` are served; port 0 picks a free one. Default `127.0.0.1:4084`.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// Where traces go; nowhere by default.
    #[serde(default)]
    pub telemetry: telemetry::Config,
    /// For tests: die (as by SIGKILL) after so many requests were safely taken and before anything is noted of them.
    #[serde(default)]
    pub die_after_requests: Option<u64>,
}

fn default_listen() -> SocketAddr {
    ([127, 0, 0, 1], 4084).into()
}
