//! The scheduler's rules that an operator can set.

/// Rules for retries and silence. Times in milliseconds.
#[derive(Clone, Debug, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// An executor that has been silent for this long is not given work (default 15 s).
    pub suspect_after_ms: u64,
    /// An executor that has been silent for this long is lost, and its attempts with it (default 60 s).
    pub lost_after_ms: u64,
    /// An attempt that its executor does not hold this long after it was given is given again (default 10 s).
    pub redispatch_after_ms: u64,
    /// Attempts that infrastructure may lose a task before the task fails (default 3); never charged to the user.
    pub infra_retries: u32,
    /// First pause after a loss by infrastructure; doubles each time (default 1 s).
    pub infra_retry_delay_ms: u64,
    /// Longest pause after a loss by infrastructure (default 1 min).
    pub infra_retry_max_delay_ms: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            suspect_after_ms: 15_000,
            lost_after_ms: 60_000,
            redispatch_after_ms: 10_000,
            infra_retries: 3,
            infra_retry_delay_ms: 1_000,
            infra_retry_max_delay_ms: 60_000,
        }
    }
}
