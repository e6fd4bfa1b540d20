//! Attempts that were given up without the word of their executors. They hold nothing any more, and what they report is
//! refused, but their programs may still run: a run that was stopped does not end before they have.
//!
//! A stray is over when its executor says so, which it is asked at each heartbeat, or when an operator says that the
//! executor will never come back.

use std::collections::BTreeMap;

use emboflow_model::executor::Heartbeat;
use emboflow_model::state::{AttemptState, Reason};
use emboflow_model::transition::Change;
use emboflow_model::{Attempt, AttemptId, ExecutorId, RunId, Timestamp};
use emboflow_protocol::command::Command;

use super::executors::KnownExecutor;
use super::input::stop_reason;
use super::open_run::OpenRun;
use super::step::Step;

/// What is known of an attempt that may still run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stray {
    pub(super) fence: u64,
    /// When its executor's right to run it was renewed last, if it is exclusive.
    pub(super) renewed: Timestamp,
}

/// Keeps an attempt in mind that has just been closed, if it was unseen.
pub(super) fn keep(
    executors: &mut BTreeMap<ExecutorId, KnownExecutor>,
    id: &AttemptId,
    attempt: &Attempt,
    renewed: Timestamp,
) {
    if attempt.may_still_run() {
        let known = executors.entry(attempt.executor.clone()).or_default();
        known.strays.insert(id.clone(), Stray { fence: attempt.fence, renewed });
    }
}

/// Nothing of the attempt runs any more.
pub(super) fn remove(
    executors: &mut BTreeMap<ExecutorId, KnownExecutor>,
    id: &AttemptId,
    executor: &ExecutorId,
) {
    if let Some(known) = executors.get_mut(executor) {
        known.strays.remove(id);
    }
}

/// The run is over: nobody waits for its strays.
pub(super) fn remove_all(executors: &mut BTreeMap<ExecutorId, KnownExecutor>, open: &OpenRun) {
    for task in open.run.tasks.values() {
        for attempt in task.strays() {
            let id = AttemptId { run: open.id(), task: task.key.clone(), number: attempt.number };
            remove(executors, &id, &attempt.executor);
        }
    }
}

impl Step<'_> {
    /// Takes up the strays of a run that was read back from the records.
    pub(super) fn take_back_strays(&mut self, run: RunId) {
        let Some(open) = self.planner.runs.get(&run) else { return };
        let mut expected = Vec::new();
        for task in open.run.tasks.values() {
            for attempt in task.strays() {
                let id = AttemptId { run, task: task.key.clone(), number: attempt.number };
                keep(&mut self.planner.executors, &id, attempt, self.now);
                expected.push(attempt.executor.clone());
            }
        }
        expected.iter().for_each(|executor| self.expect_executor(executor));
    }

    /// Whether this very attempt of the executor was given up, and may still run.
    pub(super) fn is_stray(&self, executor: &ExecutorId, id: &AttemptId, fence: u64) -> bool {
        let stray = self.planner.executors.get(executor).and_then(|known| known.strays.get(id));
        stray.is_some_and(|stray| stray.fence == fence)
    }

    /// Asks an executor that is back to end what was given up, and to say so. One that never had it says so too.
    pub(super) fn ask_for_strays(&mut self, beat: &Heartbeat) {
        let Some(known) = self.planner.executors.get(&beat.executor) else { return };
        let strays: Vec<_> = known.strays.iter().map(|(id, stray)| (id.clone(), stray.fence)).collect();
        for (attempt, fence) in strays {
            let reason = self.ending_of(attempt.run).map_or(Reason::Fenced, stop_reason);
            self.tell(beat, Command::Stop { attempt, fence, reason });
        }
    }

    /// Its executor says that an attempt which was given up has ended. How does not matter any more.
    pub(super) fn see_end_of_stray(&mut self, executor: &ExecutorId, id: &AttemptId, fence: u64) {
        if self.is_stray(executor, id, fence) {
            self.end_stray(id);
        }
    }

    /// An operator says that the executor will never come back: nothing runs there. Of an exclusive attempt time has to
    /// say so too, for an operator may be wrong.
    pub(super) fn give_up_strays(&mut self, executor: &ExecutorId) {
        let Some(known) = self.planner.executors.get(executor) else { return };
        let strays: Vec<AttemptId> = known.strays.keys().cloned().collect();
        for id in strays {
            if !self.is_exclusive(&id) {
                self.end_stray(&id);
            }
        }
    }

    /// Nothing of the attempt runs any more: the run may end, and an exclusive task may be given away.
    pub(super) fn end_stray(&mut self, id: &AttemptId) {
        let (task, number, at) = (id.task.clone(), id.number, self.now);
        let to = AttemptState::Closed;
        self.emit(id.run, Change::AttemptMoved { task, number, to, at, pulled_at: None });
        self.end_backoff(id.run, &id.task);
    }

    /// Whether a run that was stopped cannot end yet, because something of it may still run; its tasks say so.
    pub(super) fn waits_for_strays(&mut self, run: RunId) -> bool {
        let Some(open) = self.planner.runs.get(&run).filter(|_| self.is_ending(run)) else { return false };
        let mut strays = Vec::new();
        for task in open.run.tasks.values() {
            strays.extend(task.strays().map(|attempt| {
                let id = AttemptId { run, task: task.key.clone(), number: attempt.number };
                (id, attempt.executor.clone())
            }));
        }
        for (id, executor) in &strays {
            let wait_reason = format!(
                "executor {executor} is unreachable: nobody can confirm that attempt {} has ended",
                id.number
            );
            self.note_wait(id, wait_reason);
        }
        !strays.is_empty()
    }
}
