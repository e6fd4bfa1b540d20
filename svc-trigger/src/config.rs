//! What the trigger service is told at its start.

use std::net::SocketAddr;

use emboflow_service::{Keys, telemetry};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::foreign::{self, Foreign};
use crate::notify;
use crate::objects;

/// The trigger service's configuration.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
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
    /// How notifications are sent.
    #[serde(default)]
    pub notify: notify::Config,
    /// Which projects' triggers may take which subjects and streams of other systems. Left out: every project all that
    /// this service may; an empty list, or `none` in a variable: nobody takes anything of other systems.
    #[serde(default, deserialize_with = "foreign::read")]
    pub foreign: Option<Vec<Foreign>>,
    /// Where the storage gateway is. Without it no trigger on objects starts runs.
    #[serde(default)]
    pub storage: Option<objects::Config>,
    /// The keys that open the secrets of projects; the API has the same. Without them no webhook is signed, and none is
    /// sent.
    #[serde(default)]
    pub secrets: Option<Keys>,
    /// The address at which people find the page, for links; as the API has it.
    #[serde(default)]
    pub public_url: Option<String>,
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

impl Default for Config {
    fn default() -> Self {
        Self {
            nats: emboflow_bus::Config::default(),
            records: None,
            listen: default_listen(),
            notify: notify::Config::default(),
            foreign: None,
            storage: None,
            secrets: None,
            public_url: None,
            telemetry: telemetry::Config::default(),
            die_after_requests: None,
        }
    }
}
