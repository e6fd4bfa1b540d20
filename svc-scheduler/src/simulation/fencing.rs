//! How executors end exclusive attempts that they cannot renew: by themselves, and by the guard beside each of them when
//! its process is dead or stopped. The right to run an attempt is kept in a file, which outlives the process.

use emboflow_model::AttemptId;
use emboflow_model::fencing::{Fencing, renewed_each_ms};
use emboflow_model::state::{Cause, Outcome, Reason};

use super::sabotage::Sabotage;
use super::stage::Stage;

/// The programs take this long to end when they are asked to.
const GRACE_MS: u64 = 1_000;
/// A defective executor acts so much too late.
const TOO_LATE_MS: u64 = 10_000;

/// The right to run an exclusive attempt.
#[derive(Clone, Copy)]
pub(super) struct Right {
    /// When the claim was sent that was granted last.
    sent: u64,
    good_for: u64,
}

impl Right {
    fn stops_at(&self) -> u64 {
        self.sent + Fencing::of(self.good_for, GRACE_MS).stop_ms
    }

    fn killed_at(&self) -> u64 {
        self.sent + Fencing::of(self.good_for, GRACE_MS).kill_ms
    }
}

impl Stage {
    fn right_of(&self, index: usize, attempt: &AttemptId, fence: u64) -> Option<Right> {
        let held = self.executors[index].disk.attempts.get(attempt)?;
        held.right.filter(|_| held.start.fence == fence && held.end.is_none())
    }

    /// Whether the attempt is exclusive, and its right to run is over.
    pub(super) fn has_lapsed(&self, index: usize, attempt: &AttemptId, fence: u64) -> bool {
        let late = if self.is_sabotaged(Sabotage::FenceLate) { TOO_LATE_MS } else { 0 };
        self.right_of(index, attempt, fence).is_some_and(|right| right.stops_at() + late <= self.now)
    }

    /// A claim that was sent then was granted.
    pub(super) fn renew(&mut self, index: usize, attempt: &AttemptId, fence: u64, sent: u64, good_for: u64) {
        let Some(held) = self.executors[index].disk.attempts.get_mut(attempt) else { return };
        if held.start.fence != fence || held.end.is_some() || held.right.is_some_and(|old| old.sent >= sent) {
            return;
        }
        let right = Right { sent, good_for };
        let is_first = held.right.replace(right).is_none();
        if is_first {
            self.renew_later(index, attempt.clone(), fence, good_for);
        }
        self.watch_right(index, attempt, fence, right);
    }

    /// Both look when the time is over: the executor, and its guard.
    fn watch_right(&mut self, index: usize, attempt: &AttemptId, fence: u64, right: Right) {
        let late = if self.is_sabotaged(Sabotage::FenceLate) { TOO_LATE_MS } else { 0 };
        let own = attempt.clone();
        self.later(index, (right.stops_at() + late).saturating_sub(self.now), move |stage| {
            stage.end_what_lapsed(index, own, fence);
        });
        let own = attempt.clone();
        self.after((right.killed_at() + late).saturating_sub(self.now), move |stage| {
            stage.guard(index, &own, fence, right);
        });
    }

    fn renew_later(&mut self, index: usize, attempt: AttemptId, fence: u64, good_for: u64) {
        self.later(index, renewed_each_ms(good_for), move |stage| {
            if stage.right_of(index, &attempt, fence).is_some() && !stage.has_lapsed(index, &attempt, fence) {
                stage.ask_claim(index, attempt.clone(), fence, 0);
                stage.renew_later(index, attempt, fence, good_for);
            }
        });
    }

    /// The executor asks the program to end, and reports what it has done.
    fn end_what_lapsed(&mut self, index: usize, attempt: AttemptId, fence: u64) {
        if !self.has_lapsed(index, &attempt, fence) {
            return;
        }
        self.count("exclusive attempt fenced");
        self.note(|| format!("e{index} cannot renew {attempt} and ends it"));
        let memory = self.executors[index].memory.entry(attempt.clone()).or_default();
        memory.stop.get_or_insert(Reason::ExecutorLost);
        let grace = self.dice.below(GRACE_MS);
        self.later(index, grace, move |stage| {
            stage.end_container(index, &attempt, fence);
            stage.finish(index, attempt, (Outcome::Lost, Cause::Infra, Some(Reason::ExecutorLost)), None);
        });
    }

    /// The guard kills what is left, whether the executor's process lives or not.
    fn guard(&mut self, index: usize, attempt: &AttemptId, fence: u64, seen: Right) {
        let is_renewed = self.right_of(index, attempt, fence).is_some_and(|right| right.sent > seen.sent);
        if !is_renewed && !self.is_sabotaged(Sabotage::NoGuard) {
            self.end_container(index, attempt, fence);
        }
    }

    fn end_container(&mut self, index: usize, attempt: &AttemptId, fence: u64) {
        let container = self.witness.containers.get_mut(&(index, attempt.clone()));
        if let Some(container) = container.filter(|own| own.fence == fence && own.is_running) {
            container.is_running = false;
            container.code.get_or_insert(137);
            self.note(|| format!("{attempt} ({fence}) is killed on e{index}"));
        }
    }

    /// A process that starts or goes on ends first what it may not run any more. True: that is all there is to do.
    pub(super) fn fence_first(&mut self, index: usize, attempt: &AttemptId) -> bool {
        let Some(held) = self.executors[index].disk.attempts.get(attempt) else { return false };
        let (fence, right) = (held.start.fence, held.right.filter(|_| held.end.is_none()));
        let Some(right) = right else { return false };
        if self.has_lapsed(index, attempt, fence) {
            self.end_what_lapsed(index, attempt.clone(), fence);
            return true;
        }
        self.renew_later(index, attempt.clone(), fence, right.good_for);
        self.watch_right(index, attempt, fence, right);
        false
    }

    /// Its process is stopped where it is (SIGSTOP), and goes on later.
    pub(super) fn stop_executor(&mut self, index: usize, lasts: u64) {
        if !self.executors[index].is_up || self.executors[index].is_stopped {
            return;
        }
        self.executors[index].is_stopped = true;
        let life = self.executors[index].life;
        self.after(lasts, move |stage| {
            if stage.executors[index].life == life {
                stage.continue_executor(index);
            }
        });
    }

    /// What it would have done meanwhile it does now.
    pub(super) fn continue_executor(&mut self, index: usize) {
        let executor = &mut self.executors[index];
        if !std::mem::take(&mut executor.is_stopped) {
            return;
        }
        let held_back = std::mem::take(&mut executor.held_back);
        self.note(|| format!("e{index} goes on"));
        for action in held_back {
            self.later(index, 0, action);
        }
    }
}
