//! What an executor says of itself.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AttemptId, ExecutorId, PoolName, Resources, Timestamp};

/// One heartbeat, each five seconds. The scheduler judges its age by its own clock, not by `sent_at`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Heartbeat {
    /// The executor.
    pub executor: ExecutorId,
    /// Its pool.
    pub pool: PoolName,
    /// New at each start of the process.
    pub incarnation: String,
    /// Made with the data directory: a new one means that everything the executor held is gone.
    pub journal: String,
    /// Whether it takes work.
    pub state: ExecutorState,
    /// All it can give to attempts at the same time.
    pub capacity: Resources,
    /// What its open attempts hold of it.
    #[serde(default)]
    pub used: Resources,
    /// Attempts at the same time at most.
    pub slots: u32,
    /// Labels for placement.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Runtime and its version, such as `docker 20.10.24`.
    pub runtime: String,
    /// EmboFlow's version.
    pub version: String,
    /// The attempts it holds and has not been told to release.
    #[serde(default)]
    pub attempts: Vec<HeldAttempt>,
    /// Free and total bytes of the disk under its data directory.
    pub disk: Disk,
    /// When it was sent, by the executor's clock.
    pub sent_at: Timestamp,
}

/// An attempt that an executor has journaled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeldAttempt {
    /// The attempt.
    pub attempt: AttemptId,
    /// Its fence.
    pub fence: u64,
}

/// Whether an executor takes work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExecutorState {
    /// Takes work.
    Online,
    /// Ends what it has and takes no more.
    Draining,
    /// Said goodbye: a clean stop.
    Stopped,
}

/// Bytes of a disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Disk {
    /// Free for this user.
    pub free_bytes: u64,
    /// In all.
    pub total_bytes: u64,
}
