//! What operators keep work away from: executors that are cordoned, and pools in maintenance.

use std::collections::BTreeMap;

use emboflow_model::cordon::Cordon;
use emboflow_model::state::{Cause, Reason};
use emboflow_model::transition::{AttemptEnd, Change};
use emboflow_model::{AttemptId, ExecutorId, PoolName, Timestamp};

use super::Planner;
use super::executors::KnownExecutor;
use super::step::Step;
use super::timers::Timer;

/// The cordons by executor; also of executors that nobody has heard of yet.
pub(crate) type Cordons = BTreeMap<ExecutorId, Cordon>;

impl Planner {
    /// Whether an executor is given work.
    pub(super) fn gives_work_to(&self, id: &ExecutorId, known: &KnownExecutor, now: Timestamp) -> bool {
        !self.cordons.contains_key(id) && known.takes_work(now, self.policy.suspect_after_ms)
    }

    /// Why an operator keeps work away from it, in words.
    pub(super) fn cordoned(&self, id: &ExecutorId) -> Option<String> {
        let cordon = self.cordons.get(id)?;
        Some(format!("executor {id} is cordoned: {}", cordon.reason))
    }

    /// The executors of a pool that would take work if they were not cordoned.
    pub(super) fn cordoned_in(
        &self,
        pool: &PoolName,
        now: Timestamp,
    ) -> impl Iterator<Item = (&ExecutorId, &KnownExecutor)> {
        let suspect_after_ms = self.policy.suspect_after_ms;
        let here = self.in_pool(pool).filter(move |(_, known)| known.takes_work(now, suspect_after_ms));
        here.filter(|(id, _)| self.cordons.contains_key(id))
    }

    /// Why nothing is started in a pool, in words; none when it is.
    pub(super) fn maintenance_of(&self, pool: &PoolName) -> Option<String> {
        if let Some(reason) = &self.maintenance {
            return Some(format!("maintenance: {reason}"));
        }
        let reason = self.pool_maintenance.get(pool)?;
        Some(format!("maintenance of pool {pool}: {reason}"))
    }

    /// What each cordoned executor still has to do.
    pub(crate) fn cordon_figures(&self) -> impl Iterator<Item = (ExecutorId, usize)> {
        self.cordons.keys().map(|id| (id.clone(), self.executors.get(id).map_or(0, |known| known.open.len())))
    }
}

impl Step<'_> {
    /// These executors are given no work from now on, and no others.
    pub(super) fn cordon(&mut self, cordons: Cordons) {
        self.planner.cordons = cordons;
        let drained =
            self.planner.cordons.iter().filter_map(|(id, cordon)| Some((id.clone(), cordon.deadline()?)));
        for (executor, deadline) in drained.collect::<Vec<_>>() {
            if deadline > self.now {
                self.planner.timers.set(deadline, Timer::Drain(executor));
            } else {
                self.stop_drained(&executor);
            }
        }
    }

    /// A deadline may be over: what is still open on the executor is stopped.
    pub(super) fn stop_drained(&mut self, executor: &ExecutorId) {
        let deadline = self.planner.cordons.get(executor).and_then(Cordon::deadline);
        if deadline.is_none_or(|at| at > self.now) {
            // It was put off, or taken back.
            return;
        }
        let Some(known) = self.planner.executors.get(executor) else { return };
        let open: Vec<AttemptId> =
            known.open.keys().filter(|id| !self.planner.is_stopping(id)).cloned().collect();
        for AttemptId { run, task, number } in open {
            self.emit(run, Change::AttemptStopping { task, number, reason: Reason::Drained });
        }
    }

    /// Whoever drained the executor is the cause of the end, not the machine: it counts for no budget.
    pub(super) fn end_of_drain(&self, id: &AttemptId, end: AttemptEnd) -> AttemptEnd {
        let attempt = self.planner.runs.get(&id.run).and_then(|open| open.attempt(&id.task, id.number));
        let told = attempt.and_then(|attempt| attempt.stopping);
        match (told, end.reason) {
            (Some(Reason::Drained), Some(Reason::Drained)) => AttemptEnd { cause: Cause::Policy, ..end },
            _ => end,
        }
    }
}
