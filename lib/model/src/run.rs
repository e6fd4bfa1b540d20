//! A run, folded from its transitions: the same fold in the scheduler, in the records and in every reader.

use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::anew::Anew;
use crate::child::{Parent, WorkflowPins};
use crate::name::TaskName;
use crate::run_outputs::RunOutputs;
use crate::state::{RunState, TaskState};
use crate::transition::{Accepted, Change, PlannedSpec, Transition};
use crate::upload::Pins;
use crate::{ProjectName, QueueName, RunId, Task, TaskKey, Timestamp, WorkflowName};

/// All that lists and headers show of a run: small, whatever the number of its tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunSummary {
    /// The run.
    pub id: RunId,
    /// Its project.
    pub project: ProjectName,
    /// Its workflow.
    pub workflow: WorkflowName,
    /// Digest of the workflow file.
    pub digest: String,
    /// Its state.
    pub state: RunState,
    /// Why, where the state alone does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where it is going as soon as its open attempts have stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<RunState>,
    /// The inputs with defaults filled in.
    #[serde(default)]
    pub inputs: Arc<Map<String, Value>>,
    /// The caller's labels.
    #[serde(default)]
    pub labels: IndexMap<String, String>,
    /// The caller's idempotency key, or one made for it.
    pub key: String,
    /// W3C trace id.
    pub trace_id: String,
    /// The run whose tasks this one repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered_from: Option<RunId>,
    /// The queue in which it waits.
    #[serde(default, skip_serializing_if = "QueueName::is_default")]
    pub queue: QueueName,
    /// Runs of one key share fairly with those of others, inside of their project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fairness_key: Option<String>,
    /// The uploads that its tasks take in, each in the version that was the newest when it was accepted.
    #[serde(default, skip_serializing_if = "Pins::is_empty")]
    pub uploads: Pins,
    /// The tasks that run although results of other runs would do.
    #[serde(default, skip_serializing_if = "Anew::is_nothing")]
    pub anew: Anew,
    /// The task that started it, where one of another run did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// The workflows that its tasks start, each in the version that was the newest when it was accepted.
    #[serde(default, skip_serializing_if = "WorkflowPins::is_empty")]
    pub workflows: WorkflowPins,
    /// The graph: one entry a TaskSpec, in topological order.
    pub graph: Arc<Vec<PlannedSpec>>,
    /// Tasks by state.
    pub tasks: TaskCounts,
    /// The tasks that wait for a person to decide; at most 100.
    #[serde(default, skip_serializing_if = "IndexSet::is_empty")]
    pub approvals: IndexSet<TaskKey>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When its first task was given to an executor, a person was asked to decide, or a child run was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it went on after its last pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// What it gives to whoever started it, once it has succeeded; none where its workflow has no outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Box<RunOutputs>>,
    /// Number of its last transition.
    pub version: u64,
    /// Place of its last transition in the shard's log.
    pub seq: u64,
}

/// How many tasks a run has, in all and by state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskCounts {
    /// In all.
    pub total: u32,
    /// By state; a state with none is left out.
    pub by_state: IndexMap<TaskState, u32>,
}

impl TaskCounts {
    /// Tasks in this state.
    pub fn in_state(&self, state: TaskState) -> u32 {
        self.by_state.get(&state).copied().unwrap_or(0)
    }

    /// Tasks that have ended.
    pub fn terminal(&self) -> u32 {
        self.by_state.iter().filter(|(state, _)| state.is_terminal()).map(|(_, count)| count).sum()
    }

    fn step(&mut self, from: TaskState, to: TaskState) {
        self.take_one(from);
        *self.by_state.entry(to).or_insert(0) += 1;
    }

    /// One task becomes so many, in the same state.
    fn replace_one(&mut self, state: TaskState, tasks: u32) {
        self.take_one(state);
        self.total = self.total.saturating_sub(1).saturating_add(tasks);
        if tasks > 0 {
            *self.by_state.entry(state).or_insert(0) += tasks;
        }
    }

    fn take_one(&mut self, from: TaskState) {
        if let Some(count) = self.by_state.get_mut(&from) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_state.shift_remove(&from);
            }
        }
    }
}

/// The first transition of a history was not an acceptance, or a number is out of order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("history of {run}: transition {found} cannot follow {after}")]
pub struct BrokenHistory {
    /// The run.
    pub run: RunId,
    /// Number of the transition that does not fit.
    pub found: u64,
    /// Number of the last one that did; 0 when none had.
    pub after: u64,
}

impl RunSummary {
    /// The summary after a run's first transition.
    pub fn begin(first: &Transition) -> Result<Self, BrokenHistory> {
        let mut summary = Self::unsealed(first)?;
        summary.apply(first)?;
        Ok(summary)
    }

    /// The summary of a run that was accepted, before any change of its first transition is taken in.
    fn unsealed(first: &Transition) -> Result<Self, BrokenHistory> {
        let broken = BrokenHistory { run: first.run, found: first.number, after: 0 };
        let accepted = accepted(first).ok_or(broken)?;
        let total = accepted.tasks.iter().map(|spec| spec.fan_out.unwrap_or(1)).sum();
        let mut summary = Self {
            id: first.run,
            project: first.project.clone(),
            workflow: accepted.workflow.clone(),
            digest: accepted.digest.clone(),
            state: RunState::Queued,
            reason: None,
            ending: None,
            inputs: Arc::new(accepted.inputs.clone()),
            labels: accepted.labels.clone(),
            key: accepted.key.clone(),
            trace_id: accepted.trace_id.clone(),
            recovered_from: accepted.recovered_from,
            queue: accepted.queue.clone(),
            fairness_key: accepted.fairness_key.clone(),
            uploads: accepted.uploads.clone(),
            anew: accepted.anew.clone(),
            parent: accepted.parent.clone(),
            workflows: accepted.workflows.clone(),
            graph: Arc::new(accepted.tasks.clone()),
            tasks: TaskCounts { total, by_state: IndexMap::new() },
            approvals: IndexSet::new(),
            created_at: first.at,
            started_at: None,
            resumed_at: None,
            finished_at: None,
            outputs: None,
            version: 0,
            seq: 0,
        };
        if total > 0 {
            summary.tasks.by_state.insert(TaskState::Waiting, total);
        }
        Ok(summary)
    }

    /// Takes in the next transition; one that is already in is ignored.
    pub fn apply(&mut self, transition: &Transition) -> Result<(), BrokenHistory> {
        if transition.number <= self.version {
            return Ok(());
        }
        if transition.number != self.version + 1 {
            return Err(BrokenHistory { run: self.id, found: transition.number, after: self.version });
        }
        for change in &transition.changes {
            self.apply_change(change, transition.at);
        }
        self.version = transition.number;
        self.seq = transition.seq;
        Ok(())
    }

    fn apply_change(&mut self, change: &Change, at: Timestamp) {
        match change {
            Change::Run { to, reason, .. } => {
                self.step(*to, at);
                if reason.is_some() {
                    self.reason.clone_from(reason);
                }
            }
            Change::RunEnding { to, reason } => {
                self.ending = Some(*to);
                self.reason = Some(reason.clone());
            }
            Change::Task { task, from, to, .. } => {
                self.tasks.step(*from, *to);
                if to.is_terminal() {
                    self.approvals.shift_remove(task);
                }
            }
            Change::ApprovalAsked { task, .. } => {
                self.approvals.insert(task.clone());
            }
            Change::FannedOut { spec, matrix } => self.fan_out(spec, matrix.len()),
            Change::OutputsGiven { outputs } => self.outputs = Some(outputs.clone()),
            _ => {}
        }
    }

    fn fan_out(&mut self, spec: &TaskName, tasks: usize) {
        let graph = Arc::make_mut(&mut self.graph);
        let Some(planned) = graph.iter_mut().find(|planned| planned.name == *spec) else { return };
        // No run has more tasks than fit.
        let tasks = u32::try_from(tasks).unwrap_or(u32::MAX);
        planned.fan_out = Some(tasks);
        self.tasks.replace_one(TaskState::Waiting, tasks);
    }

    /// What a change makes of the tasks that stand for a fan-out: the tasks of it that nothing has happened to, and behind
    /// them the one that stood for them, marked as replaced. `number` is that of the transition.
    pub fn fanned_out(&self, change: &Change, number: u64) -> Vec<Task> {
        let Change::FannedOut { spec, matrix } = change else { return Vec::new() };
        let Some((_, first)) = positions(&self.graph).find(|(planned, _)| planned.name == *spec) else {
            return Vec::new();
        };
        let task = |key, position| Task {
            version: number,
            ..Task::new(self.id, self.project.clone(), key, position)
        };
        let own = (0_u32..).zip(matrix).map(|(index, matrix)| Task {
            matrix: matrix.clone(),
            ..task(TaskKey::indexed(spec.clone(), index), first.saturating_add(index))
        });
        let replaced = Task { replaced: true, ..task(TaskKey::single(spec.clone()), first) };
        own.chain([replaced]).collect()
    }

    fn step(&mut self, to: RunState, at: Timestamp) {
        if self.state == RunState::Paused && to == RunState::Running {
            self.resumed_at = Some(at);
        }
        self.state = to;
        if to == RunState::Running {
            self.started_at.get_or_insert(at);
        }
        if to.is_terminal() {
            self.finished_at = Some(at);
            self.ending = None;
        }
    }
}

/// A run with all its tasks.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The summary.
    pub summary: RunSummary,
    /// The tasks in the order of their positions.
    pub tasks: IndexMap<TaskKey, Task>,
}

impl Run {
    /// The run after its first transition.
    pub fn begin(first: &Transition) -> Result<Self, BrokenHistory> {
        let summary = RunSummary::begin(first)?;
        let mut run = Self { tasks: waiting_tasks(&summary), summary };
        run.apply_to_tasks(first);
        Ok(run)
    }

    /// The run that `first` accepts, while its first transition is still being decided: no change is taken in yet.
    pub fn begin_unsealed(first: &Transition) -> Result<Self, BrokenHistory> {
        let summary = RunSummary::unsealed(first)?;
        Ok(Self { tasks: waiting_tasks(&summary), summary })
    }

    /// Folds a whole history. Errors: [`BrokenHistory`] when it is empty of, or out of, order.
    pub fn fold<'t>(
        history: impl IntoIterator<Item = &'t Transition>,
    ) -> Result<Option<Self>, BrokenHistory> {
        let mut transitions = history.into_iter();
        let Some(first) = transitions.next() else { return Ok(None) };
        let mut run = Self::begin(first)?;
        for transition in transitions {
            run.apply(transition)?;
        }
        Ok(Some(run))
    }

    /// Takes in the next transition; one that is already in is ignored.
    pub fn apply(&mut self, transition: &Transition) -> Result<(), BrokenHistory> {
        if transition.number > self.summary.version {
            self.summary.apply(transition)?;
            self.apply_to_tasks(transition);
        }
        Ok(())
    }

    /// Takes in one change of the transition that is being decided; [`Run::seal`] ends it.
    pub fn apply_change(&mut self, change: &Change, at: Timestamp) {
        self.summary.apply_change(change, at);
        self.apply_to_task(change, self.summary.version + 1, at);
    }

    /// Ends the transition whose changes were taken in one by one, as the one at `seq` of the shard's log. Gives the
    /// transition's number in the run.
    pub fn seal(&mut self, seq: u64) -> u64 {
        self.summary.version += 1;
        self.summary.seq = seq;
        self.summary.version
    }

    /// The tasks of a fan-out take the place of the one that stood for them.
    fn fan_out(&mut self, spec: &TaskName, tasks: Vec<Task>) {
        let tasks = tasks.into_iter().filter(|task| !task.replaced).map(|task| (task.key.clone(), task));
        match self.tasks.get_index_of(&TaskKey::single(spec.clone())) {
            Some(place) => drop(self.tasks.splice(place..=place, tasks)),
            // The graph says so from the run's first moment: their places are theirs already.
            None => self.tasks.extend(tasks),
        }
    }

    fn apply_to_tasks(&mut self, transition: &Transition) {
        for change in &transition.changes {
            self.apply_to_task(change, transition.number, transition.at);
        }
    }

    fn apply_to_task(&mut self, change: &Change, number: u64, at: Timestamp) {
        if let Change::FannedOut { spec, .. } = change {
            self.fan_out(spec, self.summary.fanned_out(change, number));
        }
        if let Some(task) = change.task().and_then(|key| self.tasks.get_mut(key)) {
            task.apply(change, number, at);
        }
    }
}

/// The tasks of a run as they are right after its acceptance.
pub fn waiting_tasks(summary: &RunSummary) -> IndexMap<TaskKey, Task> {
    let keys = positions(&summary.graph).flat_map(|(spec, first)| spec.keys().zip(first..));
    // Room for no more than there are: most runs have one, and very many of them may wait.
    let mut tasks = IndexMap::with_capacity(summary.tasks.total as usize);
    tasks.extend(
        keys.map(|(key, position)| {
            (key.clone(), Task::new(summary.id, summary.project.clone(), key, position))
        }),
    );
    tasks
}

/// The specs of a graph, each with the position of its first task.
fn positions(graph: &[PlannedSpec]) -> impl Iterator<Item = (&PlannedSpec, u32)> {
    graph.iter().scan(0_u32, |next, spec| {
        let first = *next;
        *next = first.saturating_add(spec.positions());
        Some((spec, first))
    })
}

/// What a run's first transition accepted.
pub fn accepted(first: &Transition) -> Option<&Accepted> {
    match first.changes.first() {
        Some(Change::Accepted(accepted)) if first.number == 1 => Some(accepted),
        _ => None,
    }
}
