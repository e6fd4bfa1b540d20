//! What the API is told at its start.

use std::net::SocketAddr;
use std::time::Duration;

use emboflow_model::ProjectName;
use emboflow_service::{Keys, Secret};
use serde::Deserialize;

/// Writing requests that wait at once by default: 8,192 small ones, or 256 of the largest.
pub const WAITING_BYTES: u64 = 64 * 1024 * 1024;

/// The API's configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where HTTP is served; port 0 picks a free one. Default `127.0.0.1:8420`.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// Name of the installation. Default `emboflow`.
    #[serde(default = "default_instance")]
    pub instance: String,
    /// The bearer token; at least 16 characters.
    pub token: Secret,
    /// The one-time code of the page's sign-in link; none = sign-in with the token only.
    #[serde(default)]
    pub page_code: Option<Secret>,
    /// Projects beside `default`.
    #[serde(default)]
    pub projects: Vec<ProjectName>,
    /// Bytes of writing requests that may wait for their answers at once; what comes above is answered with 429. A
    /// request weighs at least 8 KiB. Default [`WAITING_BYTES`].
    #[serde(default = "default_waiting")]
    pub waiting_bytes: u64,
    /// Where the storage gateway is.
    pub storage: Storage,
    /// The keys that seal the secrets of projects; the scheduler has the same. Without them no secret can be set.
    #[serde(default)]
    pub secrets: Option<Keys>,
    /// Where the records are; not needed by [`crate::start_on`].
    #[serde(default)]
    pub records: Option<emboflow_records::Config>,
    /// Where NATS is; not needed by [`crate::start_on`].
    #[serde(default)]
    pub nats: emboflow_bus::Config,
}

/// Where the storage gateway is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// Its base URL, such as `http://127.0.0.1:4082`.
    pub url: String,
    /// Secret of at least 32 bytes that signs storage tokens; the gateway and the scheduler use the same.
    pub signing_key: Secret,
}

impl Config {
    /// For the connection of an API: a caller that waits is told soon that NATS is away.
    pub fn bus(&self) -> emboflow_bus::Config {
        emboflow_bus::Config {
            name: "emboflow-api".to_owned(),
            connect_wait: Duration::from_millis(500),
            ..self.nats.clone()
        }
    }
}

fn default_listen() -> SocketAddr {
    ([127, 0, 0, 1], 8420).into()
}

fn default_waiting() -> u64 {
    WAITING_BYTES
}

fn default_instance() -> String {
    "emboflow".to_owned()
}
