//! Body of the question what would be with other executors. The answer is [`crate::forecast::WhatIf`].

use std::collections::BTreeMap;

use emboflow_model::{ExecutorId, PoolName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::forecast::{MAX_ADDED, MAX_REMOVED};

/// Body of `POST …/what-if`. Nothing is changed by it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WhatIfBody {
    /// Executors that there would be besides; 100 in all at most.
    #[schemars(length(max = MAX_ADDED))]
    pub add: Vec<AddedExecutors>,
    /// Executors that would be given nothing more, and end what they have; 100 at most.
    #[schemars(length(max = MAX_REMOVED))]
    pub remove: Vec<ExecutorId>,
}

/// Executors of one kind. What is not given is as it is with the largest executor of the pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AddedExecutors {
    /// How many; 1 unless given, 100 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_ADDED))]
    pub count: Option<u32>,
    /// Their pool; `default` unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolName>,
    /// Thousandths of a core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_millis: Option<u64>,
    /// Memory in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Disk in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_bytes: Option<u64>,
    /// Graphics processors; 64 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 64))]
    pub gpu: Option<u64>,
    /// The model of its graphics processors, such as `NVIDIA A100-SXM4-80GB`; 200 characters at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub gpu_model: Option<String>,
    /// Attempts at the same time at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slots: Option<u32>,
    /// Labels for placement; 64 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// What a task must tolerate; 64 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taints: Option<BTreeMap<String, String>>,
}
