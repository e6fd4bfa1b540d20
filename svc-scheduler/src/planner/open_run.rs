//! A run that is open: its fold, its workflow, and how far each TaskSpec has come. The progress is derived from the
//! fold alone, so a run that is read back from the records is the same as one that never left memory.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, OnceLock};

use emboflow_model::approval::Question;
use emboflow_model::name::TaskName;
use emboflow_model::run::BrokenHistory;
use emboflow_model::runtime_spec::Replica;
use emboflow_model::state::TaskState;
use emboflow_model::transition::{Change, PlannedSpec, Transition};
use emboflow_model::workflow::turn::Gates;
use emboflow_model::workflow::{Context, Layout, PlannedTask, Problem, RenderedCache, TaskLimits, Workflow};
use emboflow_model::{Attempt, Run, RunId, RunSummary, RuntimeSpec, Task, TaskKey, Timestamp, epoch};
use indexmap::IndexMap;

use super::finally::counts_as_need;
use super::shape::{FanOut, Shape};
use super::{approval, dispatch, uploads, values};

/// What expressions see of a run before anything has ended.
fn first_context(run: &RunSummary) -> Context {
    Context::new(&run.id.to_string(), run.project.as_str(), Arc::clone(&run.inputs))
}

/// A run that is not over.
#[derive(Clone)]
pub(crate) struct OpenRun {
    pub(crate) run: Run,
    pub(crate) workflow: Arc<Workflow>,
    /// One entry a TaskSpec, in the order of the run's graph.
    pub(super) specs: Vec<SpecProgress>,
    /// The place of each TaskSpec in the graph.
    places: Arc<HashMap<TaskName, usize>>,
    /// Specs with tasks that have not ended, those left out that follow all others.
    pub(super) work_left: u32,
    planned: Arc<IndexMap<TaskKey, PlannedTask>>,
    /// Bytes of the values that its tasks have given.
    pub(super) value_bytes: usize,
    /// Tasks that reached an executor's turn while the run was paused.
    paused: Vec<TaskKey>,
    /// What the run has to pass before its tasks are let go.
    pub(super) gates: Gates,
}

/// Where a ready task stands before it is started.
pub(super) struct Line {
    pub(super) shape: Shape,
    pub(super) gates: Gates,
    /// None: that of its queue.
    pub(super) priority: Option<i32>,
}

/// How far a TaskSpec has come.
#[derive(Clone, Debug, Default)]
pub(super) struct SpecProgress {
    /// Tasks that have not ended.
    pub(super) unfinished: u32,
    /// What all its tasks came to, when none is unfinished.
    pub(super) ended_as: Option<TaskState>,
    /// Needed specs that have not ended.
    pub(super) unmet: u32,
    /// Its tasks have been let go: they were queued, or ended without an attempt.
    pub(super) met: bool,
    /// Specs that need this one.
    pub(super) dependents: Vec<usize>,
    /// What its expressions see of what it needs, once that has ended and until it has itself.
    context: OnceLock<Context>,
    /// Tasks at the same time at most.
    max_parallel: Option<u32>,
    /// Tasks that stand in a lane or have an open attempt.
    in_flight: u32,
    /// Ready tasks over the limit; none where there never were any.
    held: Option<Box<Held>>,
}

/// Tasks of a spec that wait until others of it end.
#[derive(Clone, Debug, Default)]
struct Held {
    line: VecDeque<TaskKey>,
    /// Those in the line that have not given up meanwhile.
    indices: HashSet<Option<u32>>,
}

impl SpecProgress {
    fn holds(&self, task: &TaskKey) -> bool {
        self.held.as_ref().is_some_and(|held| held.indices.contains(&task.index))
    }
}

impl OpenRun {
    /// The run with the progress that its fold shows. Errors: the workflow does not give the tasks that the run has.
    pub(crate) fn new(mut run: Run, workflow: Arc<Workflow>) -> Result<Self, Vec<Problem>> {
        let Layout { graph, mut places, tasks: mut planned } = workflow.layout(&run.summary.inputs)?;
        if graph == run.summary.graph {
            // One for all runs of the file.
            run.summary.graph = graph;
        } else {
            let own = run.summary.graph.iter().enumerate().map(|(place, spec)| (spec.name.clone(), place));
            places = Arc::new(own.collect());
        }
        let graph = Arc::clone(&run.summary.graph);
        for spec in graph.iter().filter(|spec| spec.dynamic && spec.fan_out.is_some()) {
            Arc::make_mut(&mut planned).extend(dispatch::fanned_out(&run, spec));
        }
        let mut specs: Vec<SpecProgress> = graph
            .iter()
            .map(|spec| SpecProgress {
                unfinished: spec.fan_out.unwrap_or(1),
                max_parallel: workflow.task(spec.name.as_str()).and_then(|task| task.max_parallel),
                ..SpecProgress::default()
            })
            .collect();
        for task in run.tasks.values().filter(|task| task.state.is_terminal()) {
            if let Some(index) = places.get(&task.key.name) {
                specs[*index].unfinished -= 1;
            }
        }
        let work = graph
            .iter()
            .zip(&specs)
            .filter(|(spec, progress)| spec.finally.is_none() && progress.unfinished > 0);
        let work_left = work.count() as u32;
        // The graph is in topological order, so a needed spec's own `unmet` is complete when it is looked at.
        for (index, spec) in graph.iter().enumerate() {
            if specs[index].unfinished == 0 {
                specs[index].ended_as = Some(dispatch::state_of_spec(&run, spec));
            }
            if spec.finally.is_some() && work_left > 0 {
                specs[index].unmet += 1;
            }
            let needs = spec.needs.iter().filter_map(|need| places.get(need));
            for needed in needs.filter(|need| counts_as_need(spec, &graph[**need])) {
                specs[*needed].dependents.push(index);
                if specs[*needed].unfinished > 0 || specs[*needed].unmet > 0 {
                    specs[index].unmet += 1;
                }
            }
        }
        let gates = workflow.gates(&first_context(&run.summary)).map_err(|problem| vec![problem])?;
        let value_bytes = run.tasks.values().map(|task| values::bytes_of(&task.values)).sum();
        let paused = Vec::new();
        Ok(Self { run, workflow, specs, places, work_left, planned, value_bytes, paused, gates })
    }

    pub(crate) fn id(&self) -> RunId {
        self.run.summary.id
    }

    /// An attempt of a task, open or closed.
    pub(crate) fn attempt(&self, task: &TaskKey, number: u32) -> Option<&Attempt> {
        let attempts = &self.run.tasks.get(task)?.attempts;
        attempts.iter().rev().find(|attempt| attempt.number == number)
    }

    /// Moves the fences of what these changes open to the place of their own entry: whoever has read the log only up to
    /// the entry before, when a batch was stored in part, can tell that they were given later.
    pub(super) fn move_fences_to(&mut self, seq: u64, changes: &mut [Change]) {
        for change in changes {
            let Change::AttemptOpened { task, number, fence, .. } = change else { continue };
            *fence = epoch::fence_at(seq, *fence);
            let attempts = self.run.tasks.get_mut(task).map(|task| &mut task.attempts);
            let attempt = attempts.and_then(|all| all.iter_mut().rev().find(|one| one.number == *number));
            if let Some(attempt) = attempt {
                attempt.fence = *fence;
            }
        }
    }

    /// The place of a task's spec in the graph.
    pub(super) fn spec_index(&self, task: &TaskKey) -> Option<usize> {
        self.places.get(&task.name).copied()
    }

    /// The place of a spec in the graph.
    pub(super) fn place_of(&self, spec: &TaskName) -> Option<usize> {
        self.places.get(spec).copied()
    }

    /// A task of the spec has ended. True when none is left.
    pub(super) fn note_end(&mut self, spec: usize) -> bool {
        let progress = &mut self.specs[spec];
        progress.unfinished = progress.unfinished.saturating_sub(1);
        if progress.unfinished == 0 {
            progress.ended_as = Some(dispatch::state_of_spec(&self.run, &self.run.summary.graph[spec]));
            progress.context = OnceLock::new();
        }
        progress.unfinished == 0
    }

    /// The spec's fan-out is there: its tasks are to end now, in the place of the one that stood for them.
    pub(super) fn unfold(&mut self, spec: usize) {
        let Some(planned) = self.run.summary.graph.get(spec) else { return };
        let progress = &mut self.specs[spec];
        progress.unfinished = planned.fan_out.unwrap_or(1);
        if progress.unfinished == 0 {
            progress.ended_as = Some(dispatch::state_of_spec(&self.run, planned));
        }
        Arc::make_mut(&mut self.planned).extend(dispatch::fanned_out(&self.run, planned));
    }

    /// Whether one task stands for a fan-out that is not known yet, and waits: it may have been cancelled.
    pub(super) fn awaits_fan_out(&self, spec: usize) -> bool {
        let is_open = |spec: &PlannedSpec| spec.dynamic && spec.fan_out.is_none();
        self.run.summary.graph.get(spec).is_some_and(is_open) && !self.waiting_tasks(spec).is_empty()
    }

    /// Takes in a transition that was decided before, as far as what starts with it depends on.
    pub(crate) fn replay(&mut self, transition: &Transition) -> Result<(), BrokenHistory> {
        self.run.apply(transition)?;
        for change in &transition.changes {
            match change {
                Change::FannedOut { spec, .. } => {
                    if let Some(place) = self.place_of(spec) {
                        self.unfold(place);
                        if self.specs[place].unfinished == 0 {
                            self.note_work(place);
                        }
                    }
                }
                Change::Task { task, to, .. } if to.is_terminal() => {
                    if let Some(place) = self.spec_index(task)
                        && self.note_end(place)
                    {
                        self.note_work(place);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// When the run's own time is over, once it has started.
    pub(super) fn times_out_at(&self) -> Option<Timestamp> {
        Some(self.run.summary.started_at?.plus_ms(self.workflow.timeout_ms()?))
    }

    /// The tasks of a spec that nothing has happened to.
    pub(super) fn waiting_tasks(&self, spec: usize) -> Vec<TaskKey> {
        let Some(spec) = self.run.summary.graph.get(spec) else { return Vec::new() };
        let untouched =
            |task: &Task| task.state == TaskState::Waiting && task.approval.is_none() && task.child.is_none();
        let waiting = |key: &TaskKey| self.run.tasks.get(key).is_some_and(untouched);
        spec.keys().filter(waiting).collect()
    }

    /// What the expressions of a spec see of the run: they name no other task than those it needs.
    pub(super) fn context(&self, spec: usize) -> Context {
        let progress = &self.specs[spec];
        let needs_any = !self.run.summary.graph[spec].needs.is_empty();
        let context = match progress.unmet {
            // Nothing of what it needs changes any more.
            0 if needs_any => progress.context.get_or_init(|| self.context_of_needs(spec)).clone(),
            _ => self.context_of_needs(spec),
        };
        match self.run.summary.graph[spec].finally.and_then(|_| self.outcome()) {
            Some(outcome) => context.with_outcome(outcome),
            None => context,
        }
    }

    /// What the run's outputs see of it, all whose tasks have ended.
    pub(super) fn context_of_all(&self) -> Context {
        self.context_of(0..self.specs.len())
    }

    fn context_of_needs(&self, spec: usize) -> Context {
        let needs = &self.run.summary.graph[spec].needs;
        self.context_of(needs.iter().filter_map(|need| self.places.get(need).copied()))
    }

    fn context_of(&self, specs: impl Iterator<Item = usize>) -> Context {
        let mut context = first_context(&self.run.summary);
        for index in specs {
            let spec = &self.run.summary.graph[index];
            if let Some(state) = self.specs[index].ended_as {
                context.set_task_state(spec.name.as_str(), state);
                context.set_task_values(spec.name.as_str(), self.values_of(spec));
            }
        }
        context
    }

    /// All that a runtime reads about the task; none for a task that the workflow does not have. Errors: an expression
    /// gives nothing that its field takes.
    pub(super) fn runtime_spec(&self, task: &TaskKey) -> Option<Result<RuntimeSpec, Problem>> {
        let (planned, context) = (self.planned.get(task)?, self.context(self.spec_index(task)?));
        let rendered = self.workflow.render(planned, &context);
        let replica = self.replica(task);
        let outcome = self.outcome().filter(|_| self.is_final(task));
        Some(rendered.map(|rendered| dispatch::runtime_spec(&self.run, replica, outcome, rendered)))
    }

    /// How many tasks the spec of a task became; none when it is one without an index.
    fn fan_out_of(&self, task: &TaskKey) -> Option<u32> {
        self.run.summary.graph.get(self.spec_index(task)?)?.fan_out
    }

    fn replica(&self, task: &TaskKey) -> Option<Replica> {
        self.workflow.task(task.name.as_str())?.replicas.as_ref()?;
        Some(Replica { index: task.index?, count: self.fan_out_of(task)? })
    }

    /// What a person is asked about a task at a moment; none where no person is.
    pub(super) fn question(
        &self,
        task: &TaskKey,
        context: &Context,
        now: Timestamp,
    ) -> Option<Result<Question, Problem>> {
        self.workflow.ask(self.planned.get(task)?, context, now)
    }

    /// Under which conditions a task takes over a result; none where it never does. Errors: the key gives no text.
    pub(super) fn cache_of(&self, task: &TaskKey) -> Option<Result<RenderedCache, Problem>> {
        let (planned, spec) = (self.planned.get(task)?, self.spec_index(task)?);
        self.workflow.cache(planned, &self.context(spec)).transpose()
    }

    /// Where a ready task stands; `context` is that of the task's spec. None for one that no container carries out.
    pub(super) fn line(&self, task: &TaskKey, context: &Context) -> Option<Result<Line, Problem>> {
        let planned = self.planned.get(task)?;
        let (workflow, spec) = (&self.workflow, &planned.spec_name);
        if workflow.approval(spec).is_some() || workflow.uses(spec).is_some() {
            return None;
        }
        let line = || {
            let of = FanOut { run: self.id(), spec: task.name.clone() };
            let gang = self.is_of_gang(task).then(|| self.fan_out_of(task)).flatten();
            let shape = dispatch::shape(self.workflow.render_placement(planned, context)?, of, gang);
            let gates = self.workflow.gates_of_task(planned, context)?;
            self.workflow.render_limits(planned, context)?;
            let spec = self.workflow.task(&planned.spec_name);
            let priority = spec.and_then(|spec| spec.priority).or(self.workflow.file.defaults.priority);
            Ok(Line { shape, gates, priority })
        };
        Some(line())
    }

    /// The time limits of a task that the scheduler watches; none for a task that the workflow does not have.
    pub(super) fn limits_of(&self, task: &TaskKey) -> Option<Result<TaskLimits, Problem>> {
        if !self.workflow.has_limits(task.name.as_str()) {
            return Some(Ok(TaskLimits::default()));
        }
        Some(self.workflow.render_limits(self.planned.get(task)?, &self.context(self.spec_index(task)?)))
    }

    /// The same, as the run is now.
    pub(super) fn line_now(&self, task: &TaskKey) -> Option<Result<Line, Problem>> {
        self.line(task, &self.context(self.spec_index(task)?))
    }

    /// Since when a queued task has been ready, as far as the run's history tells.
    pub(super) fn ready_since(&self, task: &TaskKey) -> Timestamp {
        let Some(task) = self.run.tasks.get(task) else { return self.run.summary.created_at };
        let closed = task.attempts.last().and_then(|attempt| attempt.closed_at);
        task.queued_at.max(closed).unwrap_or(self.run.summary.created_at)
    }

    /// Whether the run has passed its gates: something of it was let go.
    pub(super) fn was_let_in(&self) -> bool {
        let untouched = |task: &Task| {
            matches!(task.state, TaskState::Waiting | TaskState::Cached)
                && task.attempts.is_empty()
                && task.retry_at.is_none()
                && task.approval.is_none()
                && task.content_key.is_none()
                && task.child.is_none()
        };
        !self.run.tasks.values().all(untouched)
    }

    /// Object key prefixes that the task's inputs lie under.
    pub(super) fn input_prefixes(&self, task: &TaskKey) -> Vec<String> {
        let inputs = dispatch::staged_in(&self.run, &self.workflow.stage_in(task.name.as_str()));
        let mut prefixes: Vec<String> =
            inputs.into_iter().flat_map(|input| input.sources).map(|source| source.prefix).collect();
        let summary = &self.run.summary;
        let taken = self.planned.get(task).map(|planned| self.workflow.uploads(planned, &summary.inputs));
        let taken = taken.and_then(Result::ok).unwrap_or_default();
        prefixes.extend(taken.iter().filter_map(|taken| uploads::prefix(summary, &taken.upload)));
        prefixes.sort();
        prefixes.dedup();
        prefixes
    }

    /// Takes a ready task on, unless as many of its spec are in flight as may be. True when it may stand in a lane.
    pub(super) fn admit(&mut self, task: &TaskKey) -> bool {
        let Some(index) = self.spec_index(task) else { return false };
        let spec = &mut self.specs[index];
        if spec.max_parallel.is_some_and(|limit| spec.in_flight >= limit) {
            let held = spec.held.get_or_insert_default();
            held.indices.insert(task.index);
            held.line.push_back(task.clone());
            return false;
        }
        spec.in_flight += 1;
        true
    }

    /// A task has left its lane or its executor for good or for a back-off; gives the held task that may follow.
    pub(super) fn leave(&mut self, task: &TaskKey) -> Option<TaskKey> {
        let index = self.spec_index(task)?;
        let spec = &mut self.specs[index];
        if spec.held.as_mut().is_some_and(|held| held.indices.remove(&task.index)) {
            // It gives up before it was taken on; its place in the line is passed over.
            return None;
        }
        spec.in_flight = spec.in_flight.saturating_sub(1);
        let held = spec.held.as_mut()?;
        let follower = loop {
            let next = held.line.pop_front()?;
            if held.indices.remove(&next.index) {
                break next;
            }
        };
        spec.in_flight += 1;
        Some(follower)
    }

    /// How many ready tasks follow before this one when tasks of its spec end; none when it may stand in a lane.
    pub(super) fn held_before(&self, task: &TaskKey) -> Option<usize> {
        let spec = self.specs.get(self.spec_index(task)?)?;
        let held = spec.held.as_ref().filter(|_| spec.holds(task))?;
        Some(held.line.iter().take_while(|before| *before != task).count())
    }

    /// Keeps a task that came to its turn while the run is paused.
    pub(super) fn hold_back(&mut self, task: TaskKey) {
        self.paused.push(task);
    }

    /// The tasks kept by [`OpenRun::hold_back`] that are still ready.
    pub(super) fn release_held_back(&mut self) -> Vec<TaskKey> {
        let is_ready =
            |task: &TaskKey| self.run.tasks.get(task).is_some_and(|task| task.state == TaskState::Queued);
        let held = std::mem::take(&mut self.paused);
        held.into_iter().filter(is_ready).collect()
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
                spec.holds(&task.key)
                    .then(|| format!("{limit} tasks of {} run already (max_parallel)", task.key.name))
            }
            TaskState::Waiting => match (task.open_approval(), task.retry_at) {
                (Some(approval), _) => Some(approval::wait_reason(approval)),
                (None, Some(at)) => Some(format!("the next attempt starts at {at}")),
                (None, None) => self.unmet_need(task).or_else(|| self.wait_for_child(task)),
            },
            TaskState::Active => task.wait_reason.clone(),
            _ => None,
        }
    }

    /// What the expressions of a task see of it, and the task itself.
    pub(super) fn planned_in(&self, task: &TaskKey) -> Option<(&PlannedTask, Context)> {
        Some((self.planned.get(task)?, self.context(self.spec_index(task)?)))
    }

    fn unmet_need(&self, task: &Task) -> Option<String> {
        if self.work_left > 0 && self.is_final(&task.key) {
            return Some("waiting for all other tasks to end".to_owned());
        }
        let spec = self.run.summary.graph.get(self.spec_index(&task.key)?)?;
        let open = |need: &&TaskName| self.places.get(*need).is_some_and(|at| self.specs[*at].unfinished > 0);
        let unmet = spec.needs.iter().find(open)?;
        Some(format!("waiting for {unmet}"))
    }
}
