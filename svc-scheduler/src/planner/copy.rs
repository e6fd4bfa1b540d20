//! What a copy of the plan needs to go on by itself, where nobody sends heartbeats.

use emboflow_model::executor::{ExecutorState, Heartbeat};
use emboflow_model::state::{Reason, TaskState};
use emboflow_model::{AttemptId, RunId, TaskKey, Timestamp};

use super::cordon::Cordons;
use super::{OpenRun, Planner};

/// Nobody is silent for longer.
const NEVER_MS: u64 = u64::MAX;

/// An attempt that holds an executor.
pub(crate) struct Holding {
    pub(crate) id: AttemptId,
    pub(crate) since: Timestamp,
    pub(crate) stopping: Option<Reason>,
}

impl Planner {
    /// From now on nobody is heard of: who is here stays here, and who is not never comes back.
    pub(crate) fn go_alone(&mut self, now: Timestamp) {
        self.is_alone = true;
        self.answer_nothing(now);
        let suspect_after_ms = self.policy.suspect_after_ms;
        for known in self.executors.values_mut() {
            let is_here = known.takes_work(now, suspect_after_ms);
            if let Some(beat) = known.heartbeat.as_mut().filter(|_| !is_here) {
                beat.state = ExecutorState::Stopped;
            }
        }
        self.policy.suspect_after_ms = NEVER_MS;
        self.policy.lost_after_ms = NEVER_MS;
        self.timers.forget_silence();
        // A step of the copy may come long after the one before.
        self.last_step = now;
    }

    /// The attempts that are open, in their order.
    pub(crate) fn open_attempts(&self) -> Vec<Holding> {
        let all = self.executors.values().flat_map(|known| &known.open);
        let mut open: Vec<Holding> = all
            .map(|(id, hold)| {
                let attempt = self.runs.get(&id.run).and_then(|open| open.attempt(&id.task, id.number));
                let stopping = attempt.and_then(|attempt| attempt.stopping);
                Holding { id: id.clone(), since: hold.since, stopping }
            })
            .collect();
        open.sort_by(|one, other| one.id.cmp(&other.id));
        open
    }

    /// When its time limit ends an open attempt at the latest; none without one.
    pub(crate) fn ends_by_limit(&self, id: &AttemptId) -> Option<Timestamp> {
        let attempt = self.runs.get(&id.run)?.attempt(&id.task, id.number)?;
        self.executors.get(&attempt.executor)?.open.get(id)?.ends_at
    }

    /// The tasks of all open runs.
    pub(crate) fn open_tasks(&self) -> u64 {
        self.runs.values().map(|open| u64::from(open.run.summary.tasks.total)).sum()
    }

    /// The runs that are open.
    pub(crate) fn all_open(&self) -> impl Iterator<Item = &OpenRun> {
        self.runs.values()
    }

    /// The tasks of a run that have not started and may, in their order.
    pub(crate) fn still_to_start(&self, run: RunId) -> impl Iterator<Item = &TaskKey> {
        let tasks = self.runs.get(&run).into_iter().flat_map(|open| open.run.tasks.values());
        tasks
            .filter(|task| {
                let is_carried_out = task.approval.is_none() && task.child.is_none();
                matches!(task.state, TaskState::Waiting | TaskState::Queued) && is_carried_out
            })
            .map(|task| &task.key)
    }

    /// What operators keep work away from.
    pub(crate) fn cordons(&self) -> &Cordons {
        &self.cordons
    }

    /// What executors have last said.
    pub(crate) fn heartbeats(&self) -> impl Iterator<Item = &Heartbeat> {
        self.executors.values().filter_map(|known| known.heartbeat.as_ref())
    }
}
