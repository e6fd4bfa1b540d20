//! What an executor is told at its start.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use emboflow_model::{Device, ExecutorId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The executor's configuration.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Config {
    /// Journal, workspaces and spooled logs; only one executor may use it at a time. Default `./executor`.
    pub data_dir: PathBuf,
    /// Its id, a name of at most 63 characters. Default: made once and kept in the data directory.
    pub executor: Option<String>,
    /// Ids for executors that are started several times with the same settings: each takes the first that is free, with
    /// a folder of that name in `data_dir`, and puts it in the place of `{seat}` in `nats.nkey_file`. Default none.
    pub seats: Vec<ExecutorId>,
    /// Its pool. Default `default`.
    pub pool: String,
    /// The installation: marks its containers, so that several can share an engine. Default `default`.
    pub instance: String,
    /// How to reach NATS.
    pub nats: emboflow_bus::Config,
    /// Base URL of the storage gateway. Default `http://127.0.0.1:4082`.
    pub storage_url: String,
    /// What carries out attempts. Default Docker on its usual socket.
    pub runtime: RuntimeChoice,
    /// Amounts to offer instead of what the machine has.
    pub capacity: Capacity,
    /// Attempts at the same time at most. Default: eight times the cores (10,000 when simulated).
    pub slots: Option<u32>,
    /// Labels for placement.
    pub labels: BTreeMap<String, String>,
    /// Only tasks that tolerate each of these come here, such as `gpu = ""` or `team = "red"`. Default none.
    pub taints: BTreeMap<String, String>,
    /// Graphics processors to offer, each as `ID=MODEL`, with the id that the engine knows it by. Default: those that
    /// `nvidia-smi` lists at the start.
    pub devices: Option<Vec<DeviceSetting>>,
    /// Milliseconds between heartbeats. Default 5,000.
    pub heartbeat_ms: u64,
    /// Takes no more work while fewer bytes are free under `data_dir`. Default a twentieth of the disk, at most 1 GiB.
    pub disk_reserve_bytes: Option<u64>,
    /// Bytes that a task may keep in its workspace when it names no `resources.disk`; not counted by the placement.
    /// Default 10 GiB.
    pub disk_limit_bytes: u64,
    /// Bytes of artifacts' files that stay here after the attempts that took them in, so that the next need not fetch
    /// them; 0 keeps none. Default a tenth of the disk, at most 10 GiB.
    pub artifact_cache_bytes: Option<u64>,
    /// Milliseconds that an attempt which is over waits for a storage that is away, before it counts as failed by
    /// infrastructure. Default one hour.
    pub storage_patience_ms: u64,
    /// Where the secrets of attempts are while they last: a folder of a tmpfs that the container engine finds under the
    /// same path. Default `/dev/shm/emboflow-<instance>-<executor>`.
    pub secrets_dir: Option<PathBuf>,
    /// Stops the containers when the executor stops, instead of leaving them to its next start. Default false.
    pub stop_containers_on_exit: bool,
    /// Where `/health`, `/ready` and `/metrics` are served, as a process of its own. Default `127.0.0.1:4083`.
    pub health_listen: SocketAddr,
    /// Where traces go; nowhere by default.
    pub telemetry: emboflow_service::telemetry::Config,
    /// For tests: die at the N-th visit of a place, as `created:3`.
    pub fail_at: Option<String>,
}

/// What carries out attempts.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuntimeChoice {
    /// A Docker engine.
    Docker(DockerChoice),
    /// No containers at all, for load and tests.
    Simulated,
}

/// A graphics processor: `GPU-8932f937=NVIDIA A100-SXM4-80GB`, or its id alone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct DeviceSetting(pub(crate) Device);

impl TryFrom<String> for DeviceSetting {
    type Error = emboflow_model::device::NotADeviceId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (id, model) = text.split_once('=').unwrap_or((&text, ""));
        Ok(Self(Device { id: id.trim().parse()?, model: model.trim().to_owned() }))
    }
}

impl From<DeviceSetting> for String {
    fn from(DeviceSetting(Device { id, model }): DeviceSetting) -> Self {
        format!("{id}={model}")
    }
}

/// Which Docker engine.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct DockerChoice {
    /// Address such as `unix:///var/run/docker.sock`; that one is the default.
    pub host: Option<String>,
}

/// Amounts to offer instead of what the machine has.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Capacity {
    /// Thousandths of a core. Default: all cores of the engine.
    pub cpu_millis: Option<u64>,
    /// Bytes of memory. Default: the engine's, less a reserve of an eighth (512 MiB at least).
    pub memory_bytes: Option<u64>,
    /// Bytes of disk for workspaces. Default: what is free at the start, less a tenth.
    pub disk_bytes: Option<u64>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("executor"),
            executor: None,
            seats: Vec::new(),
            pool: "default".to_owned(),
            instance: "default".to_owned(),
            nats: emboflow_bus::Config { name: "emboflow-executor".to_owned(), ..Default::default() },
            storage_url: "http://127.0.0.1:4082".to_owned(),
            runtime: RuntimeChoice::Docker(DockerChoice::default()),
            capacity: Capacity::default(),
            slots: None,
            labels: BTreeMap::new(),
            taints: BTreeMap::new(),
            devices: None,
            heartbeat_ms: emboflow_protocol::stream::HEARTBEAT_MS,
            disk_reserve_bytes: None,
            disk_limit_bytes: 10 << 30,
            artifact_cache_bytes: None,
            storage_patience_ms: 60 * 60 * 1_000,
            secrets_dir: None,
            stop_containers_on_exit: false,
            health_listen: ([127, 0, 0, 1], 4083).into(),
            telemetry: Default::default(),
            fail_at: None,
        }
    }
}
