//! One way in which everything may go on from here.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use emboflow_model::state::{Cause, Outcome, Reason};
use emboflow_model::transition::{AttemptEnd, AttemptTimes, Change};
use emboflow_model::{AttemptId, LogEntry, RunId, TaskKey, Timestamp};
use emboflow_protocol::report::{Phase, Report};

use super::durations::{Durations, TaskOf};
use super::luck::Luck;
use super::{Bounds, Snapshot};
use crate::planner::{Decisions, Input, Planner};

/// Tasks without a known duration that are remembered.
const NAMED: usize = 100;

/// What a walk saw. Moments are milliseconds from its beginning.
#[derive(Debug, Default)]
pub(super) struct Trace {
    /// The first start of each task that started.
    pub(super) starts: HashMap<(RunId, TaskKey), u32>,
    pub(super) ends: HashMap<RunId, u32>,
    /// Tasks that hold an executor, or wait for a person or a run that is not there, for nobody knows how long.
    pub(super) unknown: BTreeSet<TaskOf>,
    /// There was more to come after the horizon.
    pub(super) reached_horizon: bool,
    /// There was more to come than is looked at.
    pub(super) reached_bound: bool,
    /// It was told not to go on.
    pub(super) was_given_up: bool,
    /// No duration could have been another one.
    pub(super) is_certain: bool,
    /// When the last run ended; none when some are still open.
    pub(super) all_ended: Option<u32>,
}

/// The copy that goes on, and its clock.
pub(super) struct Walk<'s> {
    copy: Planner,
    durations: &'s Durations,
    luck: Luck,
    bounds: Bounds,
    began: Timestamp,
    now: Timestamp,
    /// Ends to come, in the order of their moments and, at the same one, of the attempts.
    due: BTreeMap<(Timestamp, AttemptId), How>,
    trace: Trace,
}

/// How an attempt ends.
#[derive(Clone, Copy, Debug)]
enum How {
    Well,
    Badly,
    /// It was told to stop.
    Stopped(Reason),
}

impl<'s> Walk<'s> {
    pub(super) fn begin(snapshot: &'s Snapshot, luck: Luck, bounds: Bounds) -> Self {
        let mut copy = snapshot.planner.clone();
        copy.go_alone(snapshot.at);
        let trace = Trace { is_certain: true, ..Trace::default() };
        let (began, now) = (snapshot.at, snapshot.at);
        let due = BTreeMap::new();
        let mut walk = Self { copy, durations: &snapshot.durations, luck, bounds, began, now, due, trace };
        let asked: Vec<_> = walk.copy.approvals().map(|(run, task)| (run, task.clone())).collect();
        asked.into_iter().for_each(|(run, task)| walk.note_unknown(run, &task));
        for wanted in walk.copy.wanted_children() {
            walk.note_unknown(wanted.run, &wanted.task);
        }
        for open in walk.copy.open_attempts() {
            match open.stopping {
                Some(reason) => drop(walk.due.insert((now, open.id), How::Stopped(reason))),
                None => walk.expect_end(open.id, open.since),
            }
        }
        walk
    }

    /// Goes until nothing more happens, the horizon, or a bound.
    pub(super) fn go(mut self, first: Vec<Input>, go_on: &dyn Fn() -> bool) -> Trace {
        let mut inputs = first;
        let until = self.began.plus_ms(self.bounds.horizon_ms);
        for step in 0.. {
            let decisions = self.copy.step(inputs, self.now);
            self.take_in(&decisions);
            let Some(next) = self.next() else { break };
            if next > until {
                self.trace.reached_horizon = true;
                break;
            }
            if step >= self.bounds.steps || self.trace.starts.len() >= self.bounds.starts {
                self.trace.reached_bound = true;
                break;
            }
            if !go_on() {
                (self.trace.was_given_up, self.trace.reached_bound) = (true, true);
                break;
            }
            self.now = next.max(self.now);
            inputs = self.ends_now();
        }
        if self.copy.open_runs() == 0 {
            self.trace.all_ended = Some(self.trace.ends.values().copied().max().unwrap_or(0));
        }
        self.trace
    }

    fn next(&self) -> Option<Timestamp> {
        let end = self.due.first_key_value().map(|((at, _), _)| *at);
        end.into_iter().chain(self.copy.next_timer()).min()
    }

    /// What ends at this moment, as its executors would report it.
    fn ends_now(&mut self) -> Vec<Input> {
        let mut inputs = Vec::new();
        while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let ((_, attempt), how) = entry.remove_entry();
            let open =
                self.copy.run(attempt.run).and_then(|open| open.attempt(&attempt.task, attempt.number));
            let Some(open) = open.filter(|open| open.is_open()) else { continue };
            let (fence, executor) = (open.fence, open.executor.clone());
            let phase = Phase::Ended { end: Box::new(how.end()) };
            inputs.push(Input::Report { executor, report: Report { attempt, fence, phase } });
        }
        inputs
    }

    fn take_in(&mut self, decisions: &Decisions) {
        for entry in &decisions.entries {
            let LogEntry::Transition(transition) = entry else { continue };
            for change in &transition.changes {
                self.take_in_change(transition.run, change);
            }
        }
        let since_began = self.since_began();
        let over = decisions.runs.iter().filter(|run| run.state.is_terminal());
        self.trace.ends.extend(over.map(|run| (run.id, since_began)));
    }

    fn take_in_change(&mut self, run: RunId, change: &Change) {
        match change {
            Change::AttemptOpened { task, number, .. } => {
                let since_began = self.since_began();
                self.trace.starts.entry((run, task.clone())).or_insert(since_began);
                self.expect_end(AttemptId { run, task: task.clone(), number: *number }, self.now);
            }
            // Nobody knows when people decide: they take as long as they may.
            Change::ApprovalAsked { task, .. } => {
                let since_began = self.since_began();
                self.trace.starts.entry((run, task.clone())).or_insert(since_began);
                self.note_unknown(run, task);
            }
            // No run is made for a copy.
            Change::ChildRequested { task, .. } => self.note_unknown(run, task),
            Change::AttemptStopping { task, number, reason } => {
                let id = AttemptId { run, task: task.clone(), number: *number };
                self.due.insert((self.now, id), How::Stopped(*reason));
            }
            _ => {}
        }
    }

    /// Draws how long an attempt lasts that began at `since`. One of which nothing is known lasts as long as it may.
    fn expect_end(&mut self, id: AttemptId, since: Timestamp) {
        let Some(of) = self.task_of(id.run, &id.task) else { return };
        let limit = self.copy.ends_by_limit(&id);
        match self.durations.draw(&of, self.now.ms_since(since), self.luck.of(&id)) {
            Some(drawn) => {
                self.trace.is_certain &= drawn.is_certain;
                let how = if drawn.lasted.ended_well { How::Well } else { How::Badly };
                self.due.insert((since.plus_ms(drawn.lasted.ms), id), how);
            }
            None => {
                self.note_unknown(id.run, &id.task);
                if let Some(limit) = limit {
                    self.due.insert((limit.max(self.now), id), How::Well);
                }
            }
        }
    }

    fn task_of(&self, run: RunId, task: &TaskKey) -> Option<TaskOf> {
        let summary = &self.copy.run(run)?.run.summary;
        let (project, workflow) = (summary.project.clone(), summary.workflow.clone());
        Some(TaskOf { project, workflow, task: task.name.clone() })
    }

    /// Nobody knows how long the task takes.
    fn note_unknown(&mut self, run: RunId, task: &TaskKey) {
        if self.trace.unknown.len() < NAMED
            && let Some(of) = self.task_of(run, task)
        {
            self.trace.unknown.insert(of);
        }
    }

    fn since_began(&self) -> u32 {
        // The horizon is far below what fits.
        u32::try_from(self.now.ms_since(self.began)).unwrap_or(u32::MAX)
    }
}

impl How {
    /// The end that an executor would report.
    fn end(self) -> AttemptEnd {
        let (outcome, cause, reason) = match self {
            Self::Well => (Outcome::Succeeded, Cause::User, None),
            Self::Badly => (Outcome::Failed, Cause::User, Some(Reason::ExitCode)),
            Self::Stopped(Reason::RunTimeout) => (Outcome::TimedOut, Cause::User, Some(Reason::RunTimeout)),
            Self::Stopped(Reason::Drained) => (Outcome::Preempted, Cause::Infra, Some(Reason::Drained)),
            Self::Stopped(Reason::Preempted) => (Outcome::Preempted, Cause::Policy, Some(Reason::Preempted)),
            Self::Stopped(reason) => (Outcome::Cancelled, Cause::Policy, Some(reason)),
        };
        let exit_code = match self {
            Self::Well => Some(0),
            Self::Badly => Some(1),
            Self::Stopped(_) => None,
        };
        AttemptEnd {
            outcome,
            cause,
            reason,
            message: None,
            exit_code,
            times: AttemptTimes::default(),
            log: None,
            artifacts: Vec::new(),
            values: serde_json::Map::new(),
            image_digest: None,
            unseen: false,
        }
    }
}
