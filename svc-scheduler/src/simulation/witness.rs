//! The witness: container engines and storage as they truly are, whatever anybody says of them.

use std::collections::BTreeMap;

use emboflow_model::AttemptId;

/// An attempt under its fence: after a restore the same number is given again.
pub(super) type Start = (AttemptId, u64);

/// All containers that there ever were, and what was stored.
#[derive(Default)]
pub(super) struct Witness {
    /// By executor and attempt, as an engine names them.
    pub(super) containers: BTreeMap<(usize, AttemptId), Container>,
    /// How often the program of an attempt was started.
    pub(super) starts: BTreeMap<Start, u32>,
    /// How programs ended that ended by themselves.
    pub(super) exits: BTreeMap<Start, i32>,
    /// Bytes of log that were stored and sealed.
    pub(super) logs: BTreeMap<Start, u64>,
}

/// A container that an engine has.
#[derive(Clone, Debug)]
pub(super) struct Container {
    pub(super) fence: u64,
    pub(super) is_running: bool,
    /// Its exit code; none when the engine did not see its end.
    pub(super) code: Option<i32>,
    /// Bytes that its program has written.
    pub(super) log_bytes: u64,
}

impl Witness {
    /// The containers that run, with their executors.
    pub(super) fn running(&self) -> impl Iterator<Item = (usize, &AttemptId, &Container)> {
        let running = self.containers.iter().filter(|(_, container)| container.is_running);
        running.map(|((executor, attempt), container)| (*executor, attempt, container))
    }
}
