//! What the API is told at its start.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use emboflow_model::ProjectName;
use emboflow_service::{Keys, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::limits::Limits;
use crate::oidc::OidcConfig;

/// Writing requests that wait at once by default: 8,192 small ones, or 256 of the largest.
pub const WAITING_BYTES: u64 = 64 * 1024 * 1024;

/// Days that the audit is kept by default.
pub const AUDIT_DAYS: u32 = 400;

/// The API's configuration.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
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
    /// Projects that are made at the start where they are not there yet, beside `default`.
    #[serde(default)]
    pub projects: Vec<ProjectName>,
    /// The address that people open, such as `https://flow.example.org/`; in links, and known as the page's own.
    #[serde(default)]
    pub public_url: Option<String>,
    /// Networks of the proxies before the API, such as `172.16.0.0/12`: only they are believed about who asks
    /// (`X-Forwarded-For`, `-Proto` and `-Host`). Default: none.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Days that the audit is kept; default [`AUDIT_DAYS`].
    #[serde(default = "default_audit_days")]
    pub audit_days: u32,
    /// Bytes of writing requests that may wait for their answers at once; what comes above is answered with 429. A
    /// request weighs at least 8 KiB. Default [`WAITING_BYTES`].
    #[serde(default = "default_waiting")]
    pub waiting_bytes: u64,
    /// Where the storage gateway is.
    pub storage: Storage,
    /// The keys that seal the secrets of projects; the scheduler has the same. Without them no secret can be set.
    #[serde(default)]
    pub secrets: Option<Keys>,
    /// An identity provider that people may sign in at. Default none.
    #[serde(default)]
    pub oidc: Option<OidcConfig>,
    /// How much one client may ask for.
    #[serde(default)]
    pub limits: Limits,
    /// With a `public_url`: hosts beside its own under which the API is asked too, such as `api:8420` inside a network
    /// of containers. Default none.
    #[serde(default)]
    pub other_hosts: Vec<String>,
    /// Where the records are; not needed by [`crate::start_on`].
    #[serde(default)]
    pub records: Option<emboflow_records::Config>,
    /// Where NATS is; not needed by [`crate::start_on`].
    #[serde(default)]
    pub nats: emboflow_bus::Config,
    /// What else is looked at for the health of the installation.
    #[serde(default)]
    pub watch: Watch,
    /// Where traces go; nowhere by default.
    #[serde(default)]
    pub telemetry: emboflow_service::telemetry::Config,
}

/// What is looked at that no service of EmboFlow uses itself.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Watch {
    /// Folders whose disks are looked at, by what they are used for, such as `nats`.
    pub disks: BTreeMap<String, PathBuf>,
    /// PEM files with certificates, by name, such as those that the proxy shows.
    pub certificates: BTreeMap<String, PathBuf>,
    /// Address at which people reach EmboFlow, such as `https://flow.example.org`: its certificate is looked at.
    pub address: Option<String>,
}

/// Where the storage gateway is.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
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

fn default_audit_days() -> u32 {
    AUDIT_DAYS
}

fn default_waiting() -> u64 {
    WAITING_BYTES
}

fn default_instance() -> String {
    "emboflow".to_owned()
}
