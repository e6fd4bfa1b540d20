//! Amounts of what an executor has and an open attempt holds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An amount of each resource.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct Resources {
    /// Thousandths of a core.
    #[serde(default)]
    pub cpu_millis: u64,
    /// Memory in bytes.
    #[serde(default)]
    pub memory_bytes: u64,
    /// Disk for the workspace in bytes; in a task 0 means the executor's own limit.
    #[serde(default)]
    pub disk_bytes: u64,
    /// Graphics processors.
    #[serde(default, skip_serializing_if = "is_none")]
    pub gpu: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field over so")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

impl Resources {
    /// Whether this amount fits into `free`.
    pub fn fits(&self, free: &Resources) -> bool {
        self.lacking(free).is_none()
    }

    /// The first resource of which `free` has too little, by name.
    pub fn lacking(&self, free: &Resources) -> Option<&'static str> {
        if self.cpu_millis > free.cpu_millis {
            Some("cpu")
        } else if self.memory_bytes > free.memory_bytes {
            Some("memory")
        } else if self.disk_bytes > free.disk_bytes {
            Some("disk")
        } else if self.gpu > free.gpu {
            Some("gpu")
        } else {
            None
        }
    }

    /// The sum.
    pub fn plus(&self, other: &Resources) -> Resources {
        Resources {
            cpu_millis: self.cpu_millis.saturating_add(other.cpu_millis),
            memory_bytes: self.memory_bytes.saturating_add(other.memory_bytes),
            disk_bytes: self.disk_bytes.saturating_add(other.disk_bytes),
            gpu: self.gpu.saturating_add(other.gpu),
        }
    }

    /// The difference; never below zero.
    pub fn minus(&self, other: &Resources) -> Resources {
        Resources {
            cpu_millis: self.cpu_millis.saturating_sub(other.cpu_millis),
            memory_bytes: self.memory_bytes.saturating_sub(other.memory_bytes),
            disk_bytes: self.disk_bytes.saturating_sub(other.disk_bytes),
            gpu: self.gpu.saturating_sub(other.gpu),
        }
    }

    /// So many times this amount.
    pub fn times(&self, count: u64) -> Resources {
        Resources {
            cpu_millis: self.cpu_millis.saturating_mul(count),
            memory_bytes: self.memory_bytes.saturating_mul(count),
            disk_bytes: self.disk_bytes.saturating_mul(count),
            gpu: self.gpu.saturating_mul(count),
        }
    }

    /// How many times this amount is in `free`.
    pub fn copies_in(&self, free: &Resources) -> u64 {
        let pairs = [
            (self.cpu_millis, free.cpu_millis),
            (self.memory_bytes, free.memory_bytes),
            (self.disk_bytes, free.disk_bytes),
            (self.gpu, free.gpu),
        ];
        pairs.into_iter().filter_map(|(own, free)| free.checked_div(own)).min().unwrap_or(u64::MAX)
    }
}
