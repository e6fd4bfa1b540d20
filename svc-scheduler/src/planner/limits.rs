//! Time limits that the scheduler watches itself: how long a task may wait for a place, and how long all of it may take.
//! Their moments follow from the fold, so that a planner which starts anew finds the same ones.

use emboflow_model::name::TaskName;
use emboflow_model::state::{Outcome, Reason, RunState, TaskState};
use emboflow_model::transition::{AttemptEnd, Change};
use emboflow_model::workflow::TaskLimits;
use emboflow_model::{AttemptId, RunId, TaskKey, Timestamp};

use super::Planner;
use super::open_run::OpenRun;
use super::queues::Said;
use super::step::Step;
use super::timers::Timer;

impl OpenRun {
    fn limits(&self, task: &TaskKey) -> TaskLimits {
        // One that cannot be evaluated has refused the task before it was ready.
        self.limits_of(task).and_then(Result::ok).unwrap_or_default()
    }

    /// When a ready task has waited for a place as long as it may; the time of a pause does not count.
    fn queue_ends_at(&self, task: &TaskKey) -> Option<Timestamp> {
        let found = self.run.tasks.get(task).filter(|task| task.state == TaskState::Queued)?;
        let since = found.ready_since()?.max(self.run.summary.resumed_at.unwrap_or_default());
        Some(since.plus_ms(self.limits(task).queue_ms?))
    }

    /// When a task has taken as long as it may, with all its attempts and waits.
    fn total_ends_at(&self, task: &TaskKey) -> Option<Timestamp> {
        let found = self.run.tasks.get(task).filter(|task| !task.state.is_terminal())?;
        Some(found.queued_at?.plus_ms(self.limits(task).total_ms?))
    }

    fn timers_of(&self, task: &TaskKey) -> impl Iterator<Item = (Timestamp, Timer)> {
        let queue = self.queue_ends_at(task).map(|at| (at, Timer::QueueLimit(self.id(), task.clone())));
        let total = self.total_ends_at(task).map(|at| (at, Timer::TotalLimit(self.id(), task.clone())));
        let to_decide =
            self.approval_ends_at(task).map(|at| (at, Timer::ApprovalLimit(self.id(), task.clone())));
        queue.into_iter().chain(total).chain(to_decide)
    }

    /// Whether the scheduler watches the time of a spec's tasks.
    fn is_limited(&self, spec: &TaskName) -> bool {
        self.workflow.has_limits(spec.as_str()) || self.workflow.approval(spec.as_str()).is_some()
    }

    /// The timers of all its tasks.
    fn limit_timers(&self) -> Vec<(Timestamp, Timer)> {
        let limited = self.run.summary.graph.iter().filter(|spec| self.is_limited(&spec.name));
        limited
            .flat_map(|spec| spec.keys())
            .flat_map(|task| self.timers_of(&task).collect::<Vec<_>>())
            .collect()
    }

    /// The timers that a change may move: asked for before it is taken in, and after.
    fn moved_timers(&self, change: &Change) -> Vec<(Timestamp, Timer)> {
        match change {
            Change::Task { task, .. }
            | Change::ApprovalAsked { task, .. }
            | Change::ApprovalDecided { task, .. }
                if self.is_limited(&task.name) =>
            {
                self.timers_of(task).collect()
            }
            Change::Run { from: RunState::Paused, to: RunState::Running, .. } => self.limit_timers(),
            _ => Vec::new(),
        }
    }
}

impl OpenRun {
    /// Why a ready task waits, and for how long it will at most.
    pub(super) fn with_limit(&self, task: &TaskKey, wait_reason: String) -> String {
        match self.queue_ends_at(task).filter(|_| self.run.summary.state != RunState::Paused) {
            None => wait_reason,
            Some(at) => format!("{wait_reason}; it fails if it still waits at {at} (timeouts.queue)"),
        }
    }
}

/// A limit as people wrote it, more or less.
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}

impl Planner {
    /// Takes a change into the run's fold, and moves the timers with it.
    pub(super) fn take_in(&mut self, run: RunId, change: &Change, now: Timestamp) {
        let Self { runs, timers, approvals, .. } = self;
        let Some(open) = runs.get_mut(&run) else { return };
        let asked = open.open_question(change);
        open.moved_timers(change).into_iter().for_each(|(at, timer)| timers.cancel(at, timer));
        open.run.apply_change(change, now);
        open.moved_timers(change).into_iter().for_each(|(at, timer)| timers.set(at, timer));
        approvals.follow(asked, open.open_question(change));
    }

    /// Sets the timers of a run that was read back. Whoever waits for a place, or for a decision that may be on its way, has
    /// a chance first: nobody gave any while there was no scheduler.
    pub(super) fn watch_limits(&mut self, run: RunId, now: Timestamp) {
        let first = now.plus_ms(self.policy.suspect_after_ms);
        let Some(open) = self.runs.get(&run) else { return };
        for (at, timer) in open.limit_timers() {
            let has_a_chance = matches!(timer, Timer::QueueLimit(..) | Timer::ApprovalLimit(..));
            let at = if has_a_chance { at.max(first) } else { at };
            self.timers.set(at, timer);
        }
    }
}

impl Step<'_> {
    /// Ends the waits that have taken too long, unless a place was found in this very step.
    pub(super) fn end_overdue_waits(&mut self) {
        let overdue = std::mem::take(&mut self.overdue);
        if overdue.is_empty() {
            return;
        }
        if self.planner.timers.is_set(self.now, &Timer::Place) {
            // Not everybody has had a turn.
            for (run, task) in overdue {
                self.planner.timers.set(self.now, Timer::QueueLimit(run, task));
            }
            return;
        }
        let mut said = Said::default();
        let given_up: Vec<_> = overdue
            .into_iter()
            .filter_map(|(run, task)| Some((run, self.last_wait(run, &task, &mut said)?, task)))
            .collect();
        for (run, message, task) in given_up {
            self.finish_task(run, &task, TaskState::Failed, Some(Reason::QueueTimeout), Some(message));
        }
        self.settle();
        // What follows from it may have a place.
        self.planner.timers.set(self.now, Timer::Place);
    }

    /// What a task says whose wait is over; none of one that may wait on.
    fn last_wait(&self, run: RunId, task: &TaskKey, said: &mut Said) -> Option<String> {
        let open = self.planner.runs.get(&run)?;
        open.queue_ends_at(task).filter(|at| *at <= self.now)?;
        if open.run.summary.state == RunState::Paused {
            return None;
        }
        let waited_s = seconds(open.limits(task).queue_ms.unwrap_or_default());
        let why = self.planner.wait_reason(open, open.run.tasks.get(task)?, said, self.now);
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        Some(format!(
            "It waited for {waited_s} s for a place (`timeouts.queue`){why}. Make room for it, or raise the limit."
        ))
    }

    /// A task may have taken as long as it may.
    pub(super) fn end_total(&mut self, run: RunId, task: &TaskKey) {
        let Some(open) = self.planner.runs.get(&run) else { return };
        if !self.is_out_of_time(run, task) {
            return;
        }
        match open.run.tasks.get(task).map(|found| (found.state, found.open_attempt())) {
            Some((TaskState::Active, Some(attempt))) if attempt.stopping.is_none() => {
                let number = attempt.number;
                let (task, reason) = (task.clone(), Reason::TotalTimeout);
                self.emit(run, Change::AttemptStopping { task, number, reason });
            }
            // It is stopped already; its end will be judged.
            Some((TaskState::Active, _)) | None => {}
            Some(_) => self.give_up_in_total(run, task),
        }
    }

    /// Whether there is no time left for another attempt.
    pub(super) fn is_out_of_time(&self, run: RunId, task: &TaskKey) -> bool {
        let at = self.planner.runs.get(&run).and_then(|open| open.total_ends_at(task));
        at.is_some_and(|at| at <= self.now)
    }

    /// The task has taken as long as it may.
    pub(super) fn give_up_in_total(&mut self, run: RunId, task: &TaskKey) {
        let message = self.planner.runs.get(&run).map(|open| took_too_long(open, task));
        self.finish_task(run, task, TaskState::Failed, Some(Reason::TotalTimeout), message);
    }

    /// Executors only know that an attempt takes too long: why that is so is known here.
    pub(super) fn end_of_total(&self, id: &AttemptId, end: AttemptEnd) -> AttemptEnd {
        let Some(open) = self.planner.runs.get(&id.run) else { return end };
        let told = open.attempt(&id.task, id.number).and_then(|attempt| attempt.stopping);
        match (told, end.outcome) {
            (Some(Reason::TotalTimeout), Outcome::TimedOut) => {
                let message = Some(took_too_long(open, &id.task));
                AttemptEnd { reason: Some(Reason::TotalTimeout), message, ..end }
            }
            _ => end,
        }
    }
}

fn took_too_long(open: &OpenRun, task: &TaskKey) -> String {
    let limit_s = seconds(open.limits(task).total_ms.unwrap_or_default());
    format!("All its attempts and waits together took longer than {limit_s} s (`timeouts.total`).")
}
