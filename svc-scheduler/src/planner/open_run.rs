//! A run that is open: its fold, its workflow, and how far each TaskSpec has come. The progress is derived from the
//! fold alone, so a run that is read back from the records is the same as one that never left memory.

use std::collections::VecDeque;
use std::sync::Arc;

use emboflow_model::state::TaskState;
use emboflow_model::workflow::{Context, PlannedTask, Problem, RenderedTask, Workflow};
use emboflow_model::{Attempt, Run, RunId, RuntimeSpec, Task, TaskKey};
use indexmap::IndexMap;

use super::dispatch;
use super::ready::Shape;

/// A run that is not over.
pub(crate) struct OpenRun {
    pub(crate) run: Run,
    pub(crate) workflow: Arc<Workflow>,
    /// One entry a TaskSpec, in the order of the run's graph.
    pub(super) specs: Vec<SpecProgress>,
    planned: IndexMap<TaskKey, PlannedTask>,
    /// Tasks that reached an executor's turn while the run was paused.
    paused: Vec<TaskKey>,
}

/// How far a TaskSpec has come.
#[derive(Debug, Default)]
pub(super) struct SpecProgress {
    /// Tasks that have not ended.
    pub(super) unfinished: u32,
    /// Needed specs that have not ended.
    pub(super) unmet: u32,
    /// Its tasks have been let go: they were queued, or ended without an attempt.
    pub(super) met: bool,
    /// Specs that need this one.
    pub(super) dependents: Vec<usize>,
    /// Tasks at the same time at most.
    max_parallel: Option<u32>,
    /// Tasks that stand in a lane or have an open attempt.
    in_flight: u32,
    /// Ready tasks over the limit.
    held: VecDeque<TaskKey>,
}

impl OpenRun {
    /// The run with the progress that its fold shows. Errors: the workflow does not give the tasks that the run has.
    pub(crate) fn new(run: Run, workflow: Arc<Workflow>) -> Result<Self, Vec<Problem>> {
        let planned = dispatch::planned_by_key(&workflow, &run.summary)?;
        let graph = &run.summary.graph;
        let mut specs: Vec<SpecProgress> = graph
            .iter()
            .map(|spec| SpecProgress {
                unfinished: spec.fan_out.unwrap_or(1),
                max_parallel: workflow.task(spec.name.as_str()).and_then(|task| task.max_parallel),
                ..SpecProgress::default()
            })
            .collect();
        for task in run.tasks.values().filter(|task| task.state.is_terminal()) {
            if let Some(index) = graph.iter().position(|spec| spec.name == task.key.name) {
                specs[index].unfinished -= 1;
            }
        }
        // The graph is in topological order, so a needed spec's own `unmet` is complete when it is looked at.
        for (index, spec) in graph.iter().enumerate() {
            for need in &spec.needs {
                let Some(needed) = graph.iter().position(|other| other.name == *need) else { continue };
                specs[needed].dependents.push(index);
                if specs[needed].unfinished > 0 || specs[needed].unmet > 0 {
                    specs[index].unmet += 1;
                }
            }
        }
        Ok(Self { run, workflow, specs, planned, paused: Vec::new() })
    }

    pub(crate) fn id(&self) -> RunId {
        self.run.summary.id
    }

    /// An attempt of a task, open or closed.
    pub(crate) fn attempt(&self, task: &TaskKey, number: u32) -> Option<&Attempt> {
        let attempts = &self.run.tasks.get(task)?.attempts;
        attempts.iter().rev().find(|attempt| attempt.number == number)
    }

    /// The place of a task's spec in the graph.
    pub(super) fn spec_index(&self, task: &TaskKey) -> Option<usize> {
        self.run.summary.graph.iter().position(|spec| spec.name == task.name)
    }

    /// The tasks of a spec that nothing has happened to.
    pub(super) fn waiting_tasks(&self, spec: usize) -> Vec<TaskKey> {
        let Some(spec) = self.run.summary.graph.get(spec) else { return Vec::new() };
        let waiting =
            |key: &TaskKey| self.run.tasks.get(key).is_some_and(|task| task.state == TaskState::Waiting);
        spec.keys().filter(waiting).collect()
    }

    /// What expressions see of the run.
    pub(super) fn context(&self) -> Context {
        dispatch::context(&self.run, |index| self.specs[index].unfinished > 0)
    }

    /// The task's fields with every expression evaluated; none for a task that the workflow does not have.
    pub(super) fn rendered(&self, task: &TaskKey) -> Option<Result<RenderedTask, Problem>> {
        let planned = self.planned.get(task)?;
        Some(self.workflow.render(planned, &self.context()))
    }

    /// All that a runtime reads about the task.
    pub(super) fn runtime_spec(&self, task: &TaskKey) -> Option<RuntimeSpec> {
        Some(dispatch::runtime_spec(&self.run, self.rendered(task)?.ok()?))
    }

    /// What placement looks at.
    pub(super) fn shape(&self, task: &TaskKey) -> Option<Result<Shape, Problem>> {
        Some(self.rendered(task)?.map(|rendered| dispatch::shape(&rendered)))
    }

    /// Object key prefixes that the task's inputs lie under.
    pub(super) fn input_prefixes(&self, task: &TaskKey) -> Vec<String> {
        let inputs = self.runtime_spec(task).map(|spec| spec.inputs).unwrap_or_default();
        let mut prefixes: Vec<String> =
            inputs.into_iter().flat_map(|input| input.sources).map(|source| source.prefix).collect();
        prefixes.sort();
        prefixes.dedup();
        prefixes
    }

    /// Takes a ready task on, unless as many of its spec are in flight as may be. True when it may stand in a lane.
    pub(super) fn admit(&mut self, task: &TaskKey) -> bool {
        let Some(index) = self.spec_index(task) else { return false };
        let spec = &mut self.specs[index];
        if spec.max_parallel.is_some_and(|limit| spec.in_flight >= limit) {
            spec.held.push_back(task.clone());
            return false;
        }
        spec.in_flight += 1;
        true
    }

    /// A task has left its lane or its executor for good or for a back-off; gives the held task that may follow.
    pub(super) fn leave(&mut self, task: &TaskKey) -> Option<TaskKey> {
        let spec = &mut self.specs[self.run.summary.graph.iter().position(|spec| spec.name == task.name)?];
        spec.in_flight = spec.in_flight.saturating_sub(1);
        let follower = spec.held.pop_front()?;
        spec.in_flight += 1;
        Some(follower)
    }

    /// Keeps a task that came to its turn while the run is paused.
    pub(super) fn hold_back(&mut self, task: TaskKey) {
        self.paused.push(task);
    }

    /// The tasks kept by [`OpenRun::hold_back`].
    pub(super) fn release_held_back(&mut self) -> Vec<TaskKey> {
        std::mem::take(&mut self.paused)
    }

    /// Why a task waits, where the reason lies in the run itself.
    pub(super) fn wait_reason(&self, task: &Task) -> Option<String> {
        match task.state {
            TaskState::Queued if self.run.summary.state == emboflow_model::RunState::Paused => {
                Some("the run is paused".to_owned())
            }
            TaskState::Queued => {
                let spec = &self.specs[self.spec_index(&task.key)?];
                let limit = spec.max_parallel?;
                spec.held
                    .contains(&task.key)
                    .then(|| format!("{limit} tasks of {} run already (max_parallel)", task.key.name))
            }
            TaskState::Waiting => match task.retry_at {
                Some(at) => Some(format!("the next attempt starts at {at}")),
                None => self.unmet_need(task),
            },
            TaskState::Active => task.wait_reason.clone(),
            _ => None,
        }
    }

    fn unmet_need(&self, task: &Task) -> Option<String> {
        let graph = &self.run.summary.graph;
        let spec = graph.iter().find(|spec| spec.name == task.key.name)?;
        let unmet = spec.needs.iter().find(|need| {
            let index = graph.iter().position(|other| other.name == **need);
            index.is_some_and(|index| self.specs[index].unfinished > 0)
        })?;
        Some(format!("waiting for {unmet}"))
    }
}
