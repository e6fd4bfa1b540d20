//! The scheduler's rules that an operator can set.

use std::collections::BTreeMap;

use emboflow_model::PoolName;

/// Rules for retries and silence. Times in milliseconds.
#[derive(Clone, Debug, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// An executor that has been silent for this long is suspect: it is not given work (default 15 s).
    pub suspect_after_ms: u64,
    /// An executor that has been silent for this long is lost, and its attempts with it (default 60 s). The times at which
    /// executors end exclusive tasks that they cannot renew follow from it.
    pub lost_after_ms: u64,
    /// An attempt that its executor does not hold this long after it was given is given again (default 10 s).
    pub redispatch_after_ms: u64,
    /// Attempts that infrastructure may lose a task before the task fails (default 3); never charged to the user.
    pub infra_retries: u32,
    /// First pause after a loss by infrastructure; doubles each time (default 1 s).
    pub infra_retry_delay_ms: u64,
    /// Longest pause after a loss by infrastructure (default 1 min).
    pub infra_retry_max_delay_ms: u64,
    /// How the executors of a pool are filled, by the pool's name: `spread` (default), the least loaded first, or `pack`,
    /// the fullest that still has room.
    pub filling: BTreeMap<PoolName, Filling>,
    /// A task that has waited for this long while others passed it is kept room for (default 1 min). A gang is at once.
    pub reserve_after_ms: u64,
    /// Milliseconds of waiting that lift a ready task by one point of priority (default 10 s; 0 = never). After 2,001 such
    /// times (5 h 33 min 30 s) it goes before everything new in its queue, except of those who hold less.
    pub aging_step_ms: u64,
}

/// Which of the executors that fit a task is taken first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Filling {
    /// The one with the least load.
    #[default]
    Spread,
    /// The fullest that still has room: others stay free for what needs much.
    Pack,
}

impl Filling {
    /// The place of an executor with this load among others: the least is first.
    pub(super) fn rank(self, load: u64) -> u64 {
        match self {
            Self::Spread => load,
            Self::Pack => u64::MAX - load,
        }
    }
}

impl Policy {
    /// Silence that is shorter says nothing: heartbeats and renewals come in the order of seconds.
    const LEAST_LOST_AFTER_MS: u64 = 1_000;

    /// Errors: times that do not fit together.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let Self { suspect_after_ms, lost_after_ms, .. } = *self;
        anyhow::ensure!(
            lost_after_ms >= Self::LEAST_LOST_AFTER_MS,
            "policy.lost_after_ms is {lost_after_ms}: it is {} at least",
            Self::LEAST_LOST_AFTER_MS
        );
        anyhow::ensure!(
            suspect_after_ms <= lost_after_ms,
            "policy.suspect_after_ms is {suspect_after_ms}, and policy.lost_after_ms {lost_after_ms}: an executor is \
             suspected before it is lost"
        );
        Ok(())
    }
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
            filling: BTreeMap::new(),
            reserve_after_ms: 60_000,
            aging_step_ms: 10_000,
        }
    }
}
