//! One step: changes are taken in as they are decided, and become one transition a run at the end.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, VecDeque};

use emboflow_model::child::MAX_DEPTH;
use emboflow_model::state::AttemptState;
use emboflow_model::transition::Change;
use emboflow_model::{
    AttemptId, ExecutorId, LogEntry, Rejection, RunId, RunSummary, RuntimeSpec, Task, TaskKey, Timestamp,
    Transition, epoch,
};
use emboflow_protocol::FieldError;
use emboflow_protocol::call::ForgetAnswer;
use indexmap::IndexMap;

use super::Planner;
use super::child::Wanted;
use super::effect::{Effect, effects_of};
use super::executors::{self, Hold};
use super::input::Input;
use super::queues;
use super::results::LookUp;
use super::strays;
use super::timers::Timer;

/// What a step decided.
#[derive(Default)]
pub(crate) struct Decisions {
    /// For the decision log, in order.
    pub(crate) entries: Vec<LogEntry>,
    /// What follows from each entry, with the entry's place in the log; carried out once the entries are durable.
    pub(crate) effects: Vec<(u64, Effect)>,
    /// What follows from no entry: answers to executors that see things differently.
    pub(crate) unlogged: Vec<Effect>,
    /// The runs that changed, as they are now.
    pub(crate) runs: Vec<RunSummary>,
    /// The tasks that changed (all of them, when the run is new), as they are now.
    pub(crate) tasks: Vec<Task>,
    /// What became of the executors that were to be forgotten, in the order of the inputs.
    pub(crate) forgotten: Vec<(ExecutorId, ForgetAnswer)>,
    /// The runs that were to be made and are not, and why.
    pub(crate) refused: HashMap<RunId, Vec<FieldError>>,
    /// The tasks that ask for a child run now.
    pub(crate) wanted: Vec<Wanted>,
    /// What became of each decision of a person, by its place: true, the same had been decided before.
    pub(crate) decided: HashMap<usize, Result<bool, Vec<FieldError>>>,
    /// What is to be found out about results; each is answered by an [`Input::LookedUp`].
    pub(crate) look_ups: Vec<LookUp>,
    /// Somebody shows what only a later scheduler can have given: the shard may be lost.
    pub(crate) is_overtaken: bool,
    /// An exclusive attempt counts as ended because its time is over: to be written only while this scheduler surely leads.
    pub(crate) relies_on_leading: bool,
}

/// A step that is being taken.
pub(super) struct Step<'p> {
    pub(super) planner: &'p mut Planner,
    pub(super) now: Timestamp,
    pub(super) effects: Vec<Effect>,
    /// Specs whose last need has ended; worked off by [`Step::settle`].
    pub(super) met_specs: VecDeque<(RunId, usize)>,
    /// Runs of which something ended.
    pub(super) touched: Vec<RunId>,
    /// Runs that ended and carried out tasks of others.
    pub(super) ended_children: Vec<RunId>,
    /// Tasks that may have waited too long for a place; each once, though a timer of an earlier wait may be due with its own.
    pub(super) overdue: BTreeSet<(RunId, TaskKey)>,
    /// Tasks that became ready in this step: what they wait for is said.
    pub(super) newly_queued: Vec<(RunId, TaskKey)>,
    pub(super) rejections: Vec<Rejection>,
    pub(super) forgotten: Vec<(ExecutorId, ForgetAnswer)>,
    pub(super) refused: HashMap<RunId, Vec<FieldError>>,
    pub(super) decided: HashMap<usize, Result<bool, Vec<FieldError>>>,
    pub(super) look_ups: Vec<LookUp>,
    /// What the attempts opened in this step are to do; evaluated once.
    pub(super) specs: HashMap<AttemptId, RuntimeSpec>,
    /// Somebody shows what only a later scheduler can have given.
    is_overtaken: bool,
    /// Something of it holds only if no other scheduler leads.
    pub(super) relies_on_leading: bool,
    changes: IndexMap<RunId, Vec<Change>>,
    fences: u64,
}

impl<'p> Step<'p> {
    pub(super) fn begin(planner: &'p mut Planner, now: Timestamp) -> Self {
        Self {
            planner,
            now,
            effects: Vec::new(),
            met_specs: VecDeque::new(),
            touched: Vec::new(),
            ended_children: Vec::new(),
            overdue: BTreeSet::new(),
            newly_queued: Vec::new(),
            rejections: Vec::new(),
            forgotten: Vec::new(),
            refused: HashMap::new(),
            decided: HashMap::new(),
            look_ups: Vec::new(),
            specs: HashMap::new(),
            is_overtaken: false,
            relies_on_leading: false,
            changes: IndexMap::new(),
            fences: 0,
        }
    }

    /// Decides on one input.
    pub(super) fn take(&mut self, input: Input) {
        match input {
            Input::Submit(submission) => self.submit(*submission),
            Input::Reject { project, key, body_sha256, errors } => {
                self.reject(project, key, body_sha256, errors)
            }
            Input::Command { run, command } => self.command(run, command),
            Input::Decide(deciding) => self.decide(*deciding),
            Input::LookedUp(answer) => self.take_answer(*answer),
            Input::Child { parent, task, found } => self.take_child(parent, &task, found),
            Input::Recover { old, tasks, submission } => self.recover(&old, &tasks, *submission),
            Input::Report { executor, report } => self.report(&executor, report),
            Input::Heartbeat(beat) => self.hear(*beat),
            Input::Hearing(hears) => self.planner.hearing.becomes(hears, self.now),
            Input::Maintenance(reason) => self.planner.maintenance = reason,
            Input::PoolMaintenance(pools) => self.planner.pool_maintenance = pools,
            Input::Cordons(cordons) => self.cordon(cordons),
            Input::Forget(executor) => self.forget_executor(executor),
            Input::Queues(rules) => self.planner.queues.replace(rules),
            Input::Quotas { quotas, history } => self.planner.quotas.replace(quotas, history),
        }
        self.settle();
    }

    /// Records a change: the run, the progress of its specs and what executors hold follow at once.
    pub(super) fn emit(&mut self, run: RunId, change: Change) {
        self.planner.take_in(run, &change, self.now);
        let Some(open) = self.planner.runs.get_mut(&run) else { return };
        match &change {
            Change::AttemptOpened { task, number, executor, resources, devices, .. } => {
                let id = AttemptId { run, task: task.clone(), number: *number };
                let account = queues::account_of(&open.run.summary);
                let held = Hold::new(*resources, devices.clone(), self.now);
                executors::hold(&mut self.planner.executors, id.clone(), executor, held);
                self.planner.gates.start(&(run, Some(task.clone())), self.now);
                self.planner.hold_for(id, account, resources);
            }
            Change::AttemptClosed { task, number, .. } => {
                let id = AttemptId { run, task: task.clone(), number: *number };
                let account = queues::account_of(&open.run.summary);
                if let Some(attempt) = open.attempt(task, *number) {
                    let held = executors::free(&mut self.planner.executors, &id, &attempt.executor);
                    let renewed = held.map_or(self.now, |held| held.renewed);
                    strays::keep(&mut self.planner.executors, &id, attempt, renewed);
                }
                self.planner.free_of(&id, &account);
            }
            Change::AttemptMoved { task, number, to: AttemptState::Closed, .. } => {
                let id = AttemptId { run, task: task.clone(), number: *number };
                if let Some(attempt) = open.attempt(task, *number) {
                    strays::remove(&mut self.planner.executors, &id, &attempt.executor);
                }
                // Its run may have waited for it.
                self.touched.push(run);
            }
            Change::Accepted(_) | Change::Run { .. } => {
                let summary = &open.run.summary;
                if summary.state.is_terminal() && summary.parent.is_some() {
                    self.ended_children.push(run);
                }
                self.planner.census.note(summary);
            }
            _ => {}
        }
        self.changes.entry(run).or_default().push(change);
    }

    /// A fence greater than every one before: the log's place leads, and the log only grows. Which entry of the step it
    /// will be in is known when the step is sealed.
    pub(super) fn next_fence(&mut self) -> u64 {
        self.fences += 1;
        ((self.planner.seq + 1) << epoch::FENCE_BITS) + self.fences
    }

    /// Whether a fence was given after everything that this planner knows: by another scheduler, which has the shard now.
    /// What that one has given is not for this one to release.
    pub(super) fn is_of_later(&mut self, fence: u64) -> bool {
        let is_later = fence >> epoch::FENCE_BITS > self.planner.seq;
        self.is_overtaken |= is_later;
        is_later
    }

    /// Somebody shows what this planner has not decided: whether another scheduler has is looked up in the log.
    pub(super) fn suspect_another(&mut self) {
        self.is_overtaken = true;
    }

    /// Seals what was decided into log entries, and lets go of the runs that are over.
    pub(super) fn seal(mut self) -> Decisions {
        self.settle();
        self.look_up();
        let mut decisions = Decisions {
            unlogged: std::mem::take(&mut self.effects),
            forgotten: std::mem::take(&mut self.forgotten),
            refused: std::mem::take(&mut self.refused),
            decided: std::mem::take(&mut self.decided),
            look_ups: std::mem::take(&mut self.look_ups),
            is_overtaken: self.is_overtaken,
            relies_on_leading: self.relies_on_leading,
            ..Decisions::default()
        };
        for mut rejection in std::mem::take(&mut self.rejections) {
            self.planner.seq += 1;
            rejection.seq = self.planner.seq;
            decisions.entries.push(LogEntry::Rejection(rejection));
        }
        for (run, changes) in self.in_order() {
            self.seal_run(run, changes, &mut decisions);
        }
        decisions
    }

    /// The runs that changed, in the order in which they first did: a log that breaks off within a step never has what
    /// only the end of another run made room for. A run whose child has ended comes after that: it never says of a task
    /// what its child has not come to.
    fn in_order(&mut self) -> IndexMap<RunId, Vec<Change>> {
        let mut changes = std::mem::take(&mut self.changes);
        let child = |run: &RunId| {
            let summary = &self.planner.runs.get(run)?.run.summary;
            let parent = summary.parent.as_ref().filter(|_| summary.state.is_terminal())?;
            Some((parent.depth, *run, parent.run))
        };
        let mut ended: Vec<_> = changes.keys().filter_map(child).collect();
        if ended.is_empty() {
            return changes;
        }
        ended.sort_by_key(|(depth, ..)| Reverse(*depth));
        // By the place of the last child, and behind it.
        let mut places: HashMap<RunId, (usize, u32)> =
            changes.keys().enumerate().map(|(place, run)| (*run, (place, 0))).collect();
        for (depth, run, parent) in ended {
            let (place, _) = places[&run];
            if let Some(own) = places.get_mut(&parent) {
                *own = (*own).max((place, MAX_DEPTH + 1 - depth));
            }
        }
        changes.sort_by_cached_key(|run, _| places[run]);
        changes
    }

    fn seal_run(&mut self, run: RunId, mut changes: Vec<Change>, decisions: &mut Decisions) {
        let Some(open) = self.planner.runs.get_mut(&run) else { return };
        self.planner.seq += 1;
        let seq = self.planner.seq;
        open.move_fences_to(seq, &mut changes);
        let number = open.run.seal(seq);
        let transition = Transition {
            shard: self.planner.shard,
            seq,
            run,
            project: open.run.summary.project.clone(),
            number,
            at: self.now,
            changes,
        };
        if number == 1 {
            decisions.tasks.extend(open.run.tasks.values().cloned());
        } else {
            let changed = transition.tasks();
            decisions.tasks.extend(changed.iter().filter_map(|key| open.run.tasks.get(key).cloned()));
            let made =
                transition.changes.iter().flat_map(|change| open.run.summary.fanned_out(change, number));
            decisions.tasks.extend(made.filter(|task| task.replaced));
        }
        decisions.wanted.extend(transition.changes.iter().filter_map(|change| Wanted::by(run, change)));
        decisions.runs.push(open.run.summary.clone());
        decisions
            .effects
            .extend(effects_of(&transition, open, &mut self.specs).into_iter().map(|effect| (seq, effect)));
        decisions.entries.push(LogEntry::Transition(transition));
        if open.run.summary.state.is_terminal() {
            if let Some(at) = open.times_out_at() {
                self.planner.timers.cancel(at, Timer::RunTimeout(run));
            }
            strays::remove_all(&mut self.planner.executors, open);
            self.planner.runs.remove(&run);
        }
    }
}
