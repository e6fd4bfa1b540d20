//! Exclusive tasks: of these no two attempts run at once. Their executors end them when they cannot renew their claims
//! (`emboflow_model::fencing`), so that time tells when an attempt that was given up is gone; until then the task waits.
//!
//! Time tells it only to a scheduler that has led all the while: another one may have renewed a claim.

use emboflow_model::fencing;
use emboflow_model::{AttemptId, ExecutorId, RunId, Task, TaskKey, Timestamp};
use emboflow_protocol::call::Claim;

use super::Planner;
use super::open_run::OpenRun;
use super::step::Step;

/// How often it is looked whether the time of an attempt is over, once its executor is lost.
const LOOKED_AT_EACH_MS: u64 = 1_000;

impl OpenRun {
    /// Whether no two attempts of the task may run at once.
    pub(super) fn is_exclusive(&self, task: &TaskKey) -> bool {
        self.workflow.class(task.name.as_str()).is_exclusive()
    }

    /// Whether the task has to wait, because it is exclusive and an attempt of it that was given up may still run.
    pub(super) fn may_run_still(&self, task: &Task) -> bool {
        self.is_exclusive(&task.key) && task.strays().next().is_some()
    }
}

impl Planner {
    /// Since when no other scheduler can have renewed a claim; none: another one may.
    pub(crate) fn lead_since(&mut self, since: Option<Timestamp>) {
        self.leads_since = since;
    }

    /// For how long a claim of the task is good from its sending on; none when it is not exclusive.
    pub(super) fn good_for_ms(&self, open: &OpenRun, task: &TaskKey) -> Option<u64> {
        open.is_exclusive(task).then(|| fencing::good_for_ms(self.policy.lost_after_ms))
    }

    /// The executor may go on with an exclusive attempt: it counts from before now.
    pub(crate) fn note_renewal(&mut self, claim: &Claim, now: Timestamp) {
        let Some(known) = self.executors.get_mut(&claim.executor) else { return };
        known.last_seen = known.last_seen.max(now);
        if let Some(hold) = known.open.get_mut(&claim.attempt) {
            hold.renewed = hold.renewed.max(now);
        }
    }

    /// Whether nothing runs any more of an exclusive attempt that was renewed last at `renewed`.
    fn has_lapsed(&self, renewed: Timestamp, now: Timestamp) -> bool {
        self.leads_since.is_some_and(|since| now.ms_since(since.max(renewed)) >= self.policy.lost_after_ms)
    }
}

impl Step<'_> {
    pub(super) fn is_exclusive(&self, id: &AttemptId) -> bool {
        self.planner.runs.get(&id.run).is_some_and(|open| open.is_exclusive(&id.task))
    }

    /// Whether an exclusive attempt of the executor, open or given up, has been ended by its executor.
    pub(super) fn is_fenced(&self, executor: &ExecutorId, id: &AttemptId) -> bool {
        let known = self.planner.executors.get(executor);
        let renewed = known.and_then(|known| {
            let open = known.open.get(id).map(|hold| hold.renewed);
            open.or_else(|| known.strays.get(id).map(|stray| stray.renewed))
        });
        self.is_exclusive(id) && renewed.is_some_and(|renewed| self.planner.has_lapsed(renewed, self.now))
    }

    /// The same of an open attempt, wherever it is.
    pub(super) fn is_fenced_for(&mut self, id: &AttemptId) -> bool {
        let attempt = self.planner.runs.get(&id.run).and_then(|open| open.attempt(&id.task, id.number));
        let Some(executor) = attempt.map(|attempt| attempt.executor.clone()) else { return false };
        let is_fenced = self.is_fenced(&executor, id);
        self.relies_on_leading |= is_fenced;
        is_fenced
    }

    /// Lets go of what a silent executor has ended by itself. Gives the milliseconds after which to look again.
    pub(super) fn end_fenced_strays(&mut self, executor: &ExecutorId) -> u64 {
        let lost_after_ms = self.planner.policy.lost_after_ms;
        let Some(known) = self.planner.executors.get(executor) else { return lost_after_ms };
        let strays: Vec<AttemptId> = known.strays.keys().cloned().collect();
        for id in strays.iter().filter(|id| self.is_fenced(executor, id)).cloned().collect::<Vec<_>>() {
            self.relies_on_leading = true;
            self.end_stray(&id);
        }
        let Some(known) = self.planner.executors.get(executor) else { return lost_after_ms };
        let mut left = known.open.keys().chain(known.strays.keys());
        if left.any(|id| self.is_exclusive(id)) { LOOKED_AT_EACH_MS } else { lost_after_ms }
    }

    /// The back-off of an exclusive task is over: it says which attempt it waits for, if it does.
    pub(super) fn note_what_runs_still(&mut self, run: RunId, key: &TaskKey) {
        let Some(open) = self.planner.runs.get(&run) else { return };
        let waits = open.run.tasks.get(key).filter(|task| open.may_run_still(task));
        let Some(stray) = waits.and_then(|task| task.strays().last()) else { return };
        let (number, executor) = (stray.number, stray.executor.clone());
        let id = AttemptId { run, task: key.clone(), number };
        let wait_reason = format!(
            "it is exclusive, and attempt {number} may still run: executor {executor} was lost, and its time is not over"
        );
        self.note_wait(&id, wait_reason);
    }
}
