//! Tasks that runs of other workflows carry out. That a task waits for a run, and for which, is in the log before that run
//! is: its id follows from the task, so whatever happens in between, there is one such run and no other.

use emboflow_model::child::{self, Child, MAX_DEPTH, Parent};
use emboflow_model::state::{Reason, RunState, TaskState};
use emboflow_model::transition::Change;
use emboflow_model::workflow::Problem;
use emboflow_model::{RunId, RunSummary, Task, TaskKey, Timestamp};
use emboflow_protocol::{ErrorCode, FieldError};

use super::Planner;
use super::finally::Part;
use super::input::{ChildFound, RunCommand, Submission, stop_reason};
use super::open_run::OpenRun;
use super::step::Step;

/// A task that asks for a run, which is to be made or was made before.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Wanted {
    /// The run of the task.
    pub(crate) run: RunId,
    pub(crate) task: TaskKey,
}

impl Wanted {
    /// What a change of a run asks for.
    pub(super) fn by(run: RunId, change: &Change) -> Option<Self> {
        match change {
            Change::ChildRequested { task, .. } => Some(Self { run, task: task.clone() }),
            _ => None,
        }
    }
}

impl OpenRun {
    /// How many runs are above it.
    pub(super) fn depth(&self) -> u32 {
        self.run.summary.parent.as_ref().map_or(0, |parent| parent.depth)
    }

    /// The run that carries a task out from now on; none where a container does.
    fn child_of(&self, task: &TaskKey, now: Timestamp) -> Option<Result<Child, Problem>> {
        let uses = self.workflow.uses(task.name.as_str())?;
        let workflow = uses.workflow.parse().ok()?;
        let (planned, context) = self.planned_in(task)?;
        let inputs = self.workflow.inputs_of_child(planned, &context)?;
        let version = uses.version.or_else(|| self.run.summary.workflows.get(&workflow).copied());
        let run = child::run_id(self.id(), task, now);
        Some(inputs.map(|inputs| Child { run, workflow, version, inputs }))
    }

    /// How many more runs a spec may have open.
    fn room_for_children(&self, spec: usize) -> usize {
        let Some(planned) = self.run.summary.graph.get(spec) else { return 0 };
        let limit = self.workflow.task(planned.name.as_str()).and_then(|task| task.max_parallel);
        let Some(limit) = limit else { return usize::MAX };
        let is_open = |key: &TaskKey| self.run.tasks.get(key).is_some_and(|task| task.open_child().is_some());
        (limit as usize).saturating_sub(planned.keys().filter(is_open).count())
    }

    /// Why a task waits that a run carries out, once all that it needs has ended.
    pub(super) fn wait_for_child(&self, task: &Task) -> Option<String> {
        if let Some(child) = task.open_child() {
            return Some(format!("waiting for {} of workflow {} to end", child.run, child.workflow));
        }
        self.workflow.uses(task.key.name.as_str())?;
        let spec = self.spec_index(&task.key)?;
        if self.run.summary.state == RunState::Paused {
            return Some("the run is paused".to_owned());
        }
        (self.specs[spec].unmet == 0 && self.room_for_children(spec) == 0)
            .then(|| format!("as many runs of {} are open as may be (max_parallel)", task.key.name))
    }
}

impl Planner {
    /// The tasks whose runs are not open: these have to be made yet, or are over.
    pub(crate) fn wanted_children(&self) -> Vec<Wanted> {
        let tasks = self.runs.values().flat_map(|open| open.run.tasks.values());
        let is_wanted =
            |task: &&Task| task.open_child().is_some_and(|child| self.runs.get(&child.run).is_none());
        let wanted = tasks.filter(is_wanted).map(|task| Wanted { run: task.run, task: task.key.clone() });
        let mut wanted: Vec<_> = wanted.collect();
        wanted.sort();
        wanted
    }

    /// The run for which a task waits, as long as neither has ended.
    pub(crate) fn child(&self, wanted: &Wanted) -> Option<&Child> {
        self.runs.get(&wanted.run)?.run.tasks.get(&wanted.task)?.open_child()
    }

    /// A run, and those above it. All of these are open as long as it is.
    fn with_above(&self, run: RunId) -> impl Iterator<Item = &OpenRun> {
        let above = |open: &&OpenRun| self.runs.get(&open.run.summary.parent.as_ref()?.run);
        std::iter::successors(self.runs.get(&run), above)
    }

    /// Whether a run waits for another one to end, or for one that does. Such a one keeps the other in the records.
    pub(super) fn is_above(&self, above: RunId, run: RunId) -> bool {
        self.with_above(run).skip(1).any(|open| open.id() == above)
    }

    /// Why a task's run is not made; none when it is.
    fn refuses_child(&mut self, parent: RunId, made: &OpenRun, now: Timestamp) -> Option<FieldError> {
        if let Some(concurrency) = &made.gates.concurrency {
            let holds = |open: &&OpenRun| {
                open.gates.concurrency.as_ref().is_some_and(|held| held.key == concurrency.key)
            };
            if let Some(open) = self.with_above(parent).find(holds) {
                let message =
                    format!("{} holds the key `{}`, and waits for this run", open.id(), concurrency.key);
                return Some(FieldError::new(ErrorCode::RunKeyHeldAbove, message));
            }
        }
        self.over_quota(&made.run.summary.project, now)
    }
}

impl Step<'_> {
    /// All that a spec needs has ended, and runs carry its tasks out: asks for as many as may be open at once.
    pub(super) fn ask_for_children(&mut self, run: RunId, spec: usize) {
        let Some(open) = self.planner.runs.get(&run) else { return };
        if open.run.summary.state == RunState::Paused {
            return;
        }
        let mut room = open.room_for_children(spec);
        for task in open.waiting_tasks(spec) {
            if room == 0 {
                self.say_that_it_is_held(run, task);
                continue;
            }
            let asked = self.planner.runs.get(&run).and_then(|open| open.child_of(&task, self.now));
            match asked {
                None => {}
                Some(Err(problem)) => self.refuse_task(run, &task, &problem),
                Some(Ok(child)) => room -= usize::from(self.ask_for_child(run, task, child)),
            }
        }
    }

    /// As many runs are open as may be: what a task waits for is said once.
    fn say_that_it_is_held(&mut self, run: RunId, task: TaskKey) {
        let open = self.planner.runs.get(&run);
        if open.and_then(|open| open.run.tasks.get(&task)).is_some_and(|task| task.wait_reason.is_none()) {
            self.newly_queued.push((run, task));
        }
    }

    /// A run goes on after a pause.
    pub(super) fn ask_for_held_children(&mut self, run: RunId) {
        let Some(open) = self.planner.runs.get(&run) else { return };
        let graph = std::sync::Arc::clone(&open.run.summary.graph);
        for (spec, planned) in graph.iter().enumerate() {
            let Some(open) = self.planner.runs.get(&run) else { return };
            let is_due = open.specs[spec].unmet == 0 && open.workflow.uses(planned.name.as_str()).is_some();
            if is_due && !open.awaits_fan_out(spec) {
                self.ask_for_children(run, spec);
            }
        }
    }

    /// False: too many runs are above it.
    fn ask_for_child(&mut self, run: RunId, task: TaskKey, child: Child) -> bool {
        let Some(open) = self.planner.runs.get(&run) else { return false };
        if open.depth() >= MAX_DEPTH {
            let message = format!("{run} has {MAX_DEPTH} runs above it already");
            self.refuse_child(run, &task, &[FieldError::new(ErrorCode::RunTooDeep, message)]);
            return false;
        }
        let is_first = open.run.summary.state == RunState::Queued;
        self.emit(run, Change::ChildRequested { task, child: Box::new(child) });
        if is_first {
            // Its time runs from here, as if a container had been started.
            self.begin_running(run);
        }
        true
    }

    /// The run that a task waits for was looked for. Whatever has become of the task meanwhile comes first.
    pub(super) fn take_child(&mut self, parent: RunId, task: &TaskKey, found: ChildFound) {
        let wanted = Wanted { run: parent, task: task.clone() };
        let Some(child) = self.planner.child(&wanted).map(|child| child.run) else { return };
        if self.planner.runs.get(&child).is_some() {
            return;
        }
        match found {
            ChildFound::New(submission) if submission.run == child => {
                self.open_child(parent, task, *submission)
            }
            // Looked for on behalf of an earlier task of this name: the right one is looked for too.
            ChildFound::New(_) => return,
            ChildFound::Refused(errors) => self.refuse_child(parent, task, &errors),
            ChildFound::Ended(summary) => self.end_as(parent, task, &summary),
        }
        self.ask_for_next(parent, task);
    }

    fn open_child(&mut self, parent: RunId, task: &TaskKey, mut submission: Submission) {
        let Some(open) = self.planner.runs.get(&parent) else { return };
        let depth = open.depth() + 1;
        submission.accepted.parent = Some(Parent { run: parent, task: task.clone(), depth });
        let (run, project) = (submission.run, submission.project.clone());
        let made = self.first_state(submission);
        let Some((open, accepted)) = made else { return };
        if let Some(error) = self.planner.refuses_child(parent, &open, self.now) {
            return self.refuse_child(parent, task, &[error]);
        }
        self.planner.quotas.note(&project, self.now);
        self.planner.runs.insert(run, open);
        self.emit(run, accepted);
        self.admit_run(run);
    }

    fn refuse_child(&mut self, parent: RunId, task: &TaskKey, errors: &[FieldError]) {
        let errors = errors.iter().map(|error| {
            let hint = error.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            format!("{}: {}{hint}", error.code, error.message)
        });
        let message = errors.collect::<Vec<_>>().join("; ");
        self.finish_task(parent, task, TaskState::Failed, Some(Reason::ChildRefused), Some(message));
    }

    /// A run has ended that carries out a task of another.
    pub(super) fn end_task_of_child(&mut self, child: RunId) {
        let Some(ended) = self.planner.runs.get(&child) else { return };
        let summary = ended.run.summary.clone();
        let Some(Parent { run, task, .. }) = summary.parent.clone() else { return };
        let wanted = Wanted { run, task };
        if self.planner.child(&wanted).is_some_and(|waits_for| waits_for.run == child) {
            self.end_as(run, &wanted.task, &summary);
            self.ask_for_next(run, &wanted.task);
        }
    }

    /// The task ends as the run that carries it out, with what its own run keeps of that.
    fn end_as(&mut self, run: RunId, task: &TaskKey, child: &RunSummary) {
        let state = child.state;
        let why = child.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let message = Some(format!("{} has ended as {state}{why}", child.id));
        let is_final = self.planner.runs.get(&run).is_some_and(|open| open.is_final(task));
        let ending = self.ending_of(run).filter(|_| !is_final || state == RunState::Cancelled);
        let (to, reason, message) = match (state, ending) {
            (RunState::Succeeded, _) => match self.take_outputs(run, task, child.outputs.as_deref()) {
                Ok(()) => (TaskState::Succeeded, None, None),
                Err((reason, message)) => (TaskState::Failed, Some(reason), Some(message)),
            },
            (_, Some(ending)) => (TaskState::Cancelled, Some(stop_reason(ending)), message),
            _ => (TaskState::Failed, Some(Reason::ChildFailed), message),
        };
        self.finish_task(run, task, to, reason, message);
    }

    /// One of a spec's runs is no longer open.
    fn ask_for_next(&mut self, run: RunId, task: &TaskKey) {
        let spec = self.planner.runs.get(&run).and_then(|open| open.spec_index(task));
        if let Some(spec) = spec {
            self.ask_for_children(run, spec);
        }
    }

    /// A task is to end before its time. True: a run carries it out, which ends first.
    pub(super) fn stop_child(&mut self, run: RunId, task: &TaskKey, part: Part) -> bool {
        let wanted = Wanted { run, task: task.clone() };
        let Some(child) = self.planner.child(&wanted).map(|child| child.run) else { return false };
        if self.planner.runs.get(&child).is_none() {
            // It is not made yet, and never will be.
            return false;
        }
        let reason = Some(format!("{run} ends, whose task {task} it carries out"));
        let command = match part {
            Part::Whole => RunCommand::CancelWhole { reason },
            Part::Work => RunCommand::Cancel { reason },
        };
        self.command(child, command);
        true
    }
}
