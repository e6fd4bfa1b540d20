//! What is to happen at a moment. A timer that is no longer wanted is left to fire: its event looks at the state.

use std::collections::BTreeSet;

use emboflow_model::{ExecutorId, RunId, TaskKey, Timestamp};

use super::gates::GateId;
use super::step::Step;

/// What a timer is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A back-off ends.
    Retry(RunId, TaskKey),
    /// A run's time is over.
    RunTimeout(RunId),
    /// A task may have waited for a place as long as it may.
    QueueLimit(RunId, TaskKey),
    /// A task may have taken as long as it may.
    TotalLimit(RunId, TaskKey),
    /// Nobody may have decided on a task in time.
    ApprovalLimit(RunId, TaskKey),
    /// An executor may be too long silent.
    ExecutorSilent(ExecutorId),
    /// What is open on an executor may have to stop.
    Drain(ExecutorId),
    /// Somebody may be let in.
    Gate(GateId),
    /// Ready tasks are left to place.
    Place,
}

/// The timers by moment.
#[derive(Clone, Default)]
pub(super) struct Timers(BTreeSet<(Timestamp, Timer)>);

impl Timers {
    pub(super) fn set(&mut self, at: Timestamp, timer: Timer) {
        self.0.insert((at, timer));
    }

    pub(super) fn cancel(&mut self, at: Timestamp, timer: Timer) {
        self.0.remove(&(at, timer));
    }

    /// Nobody's silence is looked at any more.
    pub(super) fn forget_silence(&mut self) {
        self.0.retain(|(_, timer)| !matches!(timer, Timer::ExecutorSilent(_)));
    }

    pub(super) fn is_set(&self, at: Timestamp, timer: &Timer) -> bool {
        self.0.contains(&(at, timer.clone()))
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.0.first().map(|(at, _)| *at)
    }

    fn pop_due(&mut self, now: Timestamp) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        self.0.pop_first().map(|(_, timer)| timer)
    }
}

impl Step<'_> {
    /// Lets every timer fire that is due.
    pub(super) fn fire_timers(&mut self) {
        while let Some(timer) = self.planner.timers.pop_due(self.now) {
            match timer {
                Timer::Retry(run, task) => self.end_backoff(run, &task),
                Timer::RunTimeout(run) => self.time_out_run(run),
                // Judged when everybody has had a turn.
                Timer::QueueLimit(run, task) => {
                    self.overdue.insert((run, task));
                }
                Timer::TotalLimit(run, task) => self.end_total(run, &task),
                Timer::ApprovalLimit(run, task) => self.end_time_to_decide(run, &task),
                Timer::ExecutorSilent(executor) => self.judge_silence(&executor),
                Timer::Drain(executor) => self.stop_drained(&executor),
                Timer::Gate(gate) => self.planner.gates.stir(gate),
                // Every step ends by placing.
                Timer::Place => {}
            }
            // What follows from it must be ready before the step's placement.
            self.settle();
        }
    }
}
