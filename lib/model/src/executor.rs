//! What an executor says of itself.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AttemptId, Device, ExecutorId, PoolName, Resources, Timestamp};

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
    /// What a task must tolerate to be placed here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub taints: BTreeMap<String, String>,
    /// Its graphics processors, [`crate::device::MAX_DEVICES`] at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<Device>,
    /// What it need not fetch.
    #[serde(default, skip_serializing_if = "AtHand::is_empty")]
    pub at_hand: AtHand,
    /// Runtime and its version, such as `docker 20.10.24`.
    pub runtime: String,
    /// EmboFlow's version.
    pub version: String,
    /// It stops exclusive attempts that it cannot renew; one of an earlier version does not, and gets none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fences: bool,
    /// The attempts it holds and has not been told to release.
    #[serde(default)]
    pub attempts: Vec<HeldAttempt>,
    /// Free and total bytes of the disk under its data directory.
    pub disk: Disk,
    /// When it was sent, by the executor's clock.
    pub sent_at: Timestamp,
}

/// Images and artifacts that an executor has, each by a hash of 32 bits: a heartbeat stays small, and a placement that
/// takes one for another is still a good one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AtHand {
    /// The images that were used last, by [`image_hash`]; [`AtHand::MOST`] at most.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub images: BTreeSet<u32>,
    /// The artifacts whose files were used last, by [`artifact_hash`]; as many.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub artifacts: BTreeSet<u32>,
}

impl AtHand {
    /// Entries of each kind at most.
    pub const MOST: usize = 128;

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty() && self.artifacts.is_empty()
    }
}

/// The hash of an image, the same for `busybox` and `docker.io/library/busybox:latest`.
pub fn image_hash(reference: &str) -> u32 {
    let short = ["docker.io/library/", "docker.io/", "index.docker.io/"];
    let short = short.into_iter().find_map(|prefix| reference.strip_prefix(prefix)).unwrap_or(reference);
    let last = short.rsplit('/').next().unwrap_or(short);
    let is_exact = short.contains('@') || last.contains(':');
    hash(&[short, if is_exact { "" } else { ":latest" }])
}

/// The hash of an artifact, by the checksum of its manifest.
pub fn artifact_hash(manifest_sha256: &str) -> u32 {
    hash(&[manifest_sha256])
}

/// FNV-1a, folded to 32 bits: the same on every machine and version.
fn hash(parts: &[&str]) -> u32 {
    let bytes = parts.iter().flat_map(|part| part.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    u32::try_from((hash >> 32) ^ (hash & 0xffff_ffff)).expect("the upper half is gone")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_has_one_hash_however_it_is_written() {
        assert_eq!(image_hash("busybox"), image_hash("docker.io/library/busybox:latest"));
        assert_eq!(image_hash("team/tool:1"), image_hash("docker.io/team/tool:1"));
        assert_ne!(image_hash("busybox:1"), image_hash("busybox"));
        assert_ne!(image_hash("127.0.0.1:5000/a"), image_hash("a"));
    }
}
