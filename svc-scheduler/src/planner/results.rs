//! Results that an earlier run made of the same. A task that may take one over is not queued before it is known whether
//! there is one: the driver is asked, and the answer comes in as an input. Which tasks wait for an answer follows from the
//! fold, so a start asks again.
//!
//! A result is taken only from a run that has a smaller id, and from none above the own one: these two hold what they need in
//! the records, and no run may hold one that holds it.

use std::collections::BTreeSet;

use emboflow_model::state::TaskState;
use emboflow_model::transition::Change;
use emboflow_model::workflow::limits::MAX_RUN_VALUE_BYTES;
use emboflow_model::workflow::{Problem, RenderedCache};
use emboflow_model::{ProjectName, RunId, RuntimeSpec, Task, TaskKey, Timestamp};

use super::Planner;
use super::open_run::OpenRun;
use super::step::Step;
use super::timers::Timer;
use super::values::bytes_of;

/// Questions that wait for an answer at the same time; each holds all that its task is told.
const ASKED_AT_ONCE: usize = 256;

/// What the driver is to find out.
#[derive(Clone, Debug)]
pub(crate) struct LookUp {
    pub(crate) run: RunId,
    pub(crate) task: TaskKey,
    pub(crate) project: ProjectName,
    /// What an executor would be told.
    pub(crate) spec: RuntimeSpec,
    /// What the file adds to the key.
    pub(crate) extra: Option<String>,
    /// Whatever there is, the task runs: only the key is wanted.
    pub(crate) anew: bool,
}

/// The answer.
pub(crate) struct LookedUp {
    pub(crate) run: RunId,
    pub(crate) task: TaskKey,
    /// What decides the result.
    pub(crate) key: String,
    /// The task that made the newest one of an earlier run.
    pub(crate) found: Option<Task>,
}

/// The tasks that wait for an answer.
#[derive(Clone, Default)]
pub(super) struct Questions {
    /// Not asked yet.
    open: BTreeSet<(RunId, TaskKey)>,
    asked: BTreeSet<(RunId, TaskKey)>,
}

impl OpenRun {
    /// Whether a task whose turn it is may take a result over, and does not know yet.
    fn awaits_result(&self, task: &TaskKey) -> bool {
        let untouched = |task: &Task| {
            task.state == TaskState::Waiting && task.content_key.is_none() && task.attempts.is_empty()
        };
        self.workflow.may_be_cached(task.name.as_str()) && self.run.tasks.get(task).is_some_and(untouched)
    }

    /// The tasks whose turn it is and that may take a result over.
    fn awaiting_results(&self) -> impl Iterator<Item = &TaskKey> {
        let is_met = |task: &&TaskKey| self.spec_index(task).is_some_and(|spec| self.specs[spec].unmet == 0);
        self.run.tasks.keys().filter(|task| self.awaits_result(task)).filter(is_met)
    }

    /// All that decides the result of a task, and which results would do. Errors: as when it is started.
    fn look_up(&self, task: &TaskKey) -> Option<Result<LookUp, Problem>> {
        let cache = self.cache_of(task)?;
        let spec = self.runtime_spec(task)?;
        let summary = &self.run.summary;
        Some(cache.and_then(|cache| {
            Ok(LookUp {
                run: self.id(),
                task: task.clone(),
                project: summary.project.clone(),
                spec: spec?,
                extra: cache.key,
                anew: summary.anew.contains(&task.name),
            })
        }))
    }

    /// Whether the answer is a result that this task may take over now.
    fn may_take(&self, task: &TaskKey, key: &str, made: &Task, age_ms: u64) -> bool {
        let Some(Ok(RenderedCache { ttl_ms, .. })) = self.cache_of(task) else { return false };
        let summary = &self.run.summary;
        made.result_key() == Some(key)
            && made.project == summary.project
            && made.run < summary.id
            && !summary.anew.contains(&task.name)
            && ttl_ms.is_none_or(|ttl_ms| age_ms < ttl_ms)
            && self.value_bytes.saturating_add(bytes_of(&made.values)) <= MAX_RUN_VALUE_BYTES
    }
}

impl Step<'_> {
    /// The needs of a task have ended whose result may be there already. False: it runs in any case.
    pub(super) fn ask_for_result(&mut self, run: RunId, task: &TaskKey) -> bool {
        // A copy that goes on by itself is told nothing.
        let asks = !self.planner.is_alone
            && self.planner.runs.get(&run).is_some_and(|open| open.awaits_result(task));
        if asks {
            self.planner.questions.open.insert((run, task.clone()));
        }
        asks
    }

    /// After a restart: what was asked is asked again.
    pub(super) fn ask_for_results_again(&mut self, run: RunId) {
        let Planner { runs, gates, questions, .. } = &mut *self.planner;
        let Some(open) = runs.get(&run).filter(|_| gates.standing(&(run, None)).is_none()) else { return };
        questions.open.extend(open.awaiting_results().map(|task| (run, task.clone())));
    }

    /// Asks as many questions as there is room for.
    pub(super) fn look_up(&mut self) {
        while self.planner.questions.asked.len() < ASKED_AT_ONCE
            && let Some((run, task)) = self.planner.questions.open.pop_first()
        {
            let open = self.planner.runs.get(&run).filter(|open| open.awaits_result(&task));
            match open.and_then(|open| open.look_up(&task)) {
                None => {}
                Some(Ok(look_up)) => {
                    self.planner.questions.asked.insert((run, task));
                    self.look_ups.push(look_up);
                }
                Some(Err(problem)) => {
                    self.refuse_task(run, &task, &problem);
                    self.settle();
                    // What it has let follow has its turn in a step of its own.
                    self.planner.timers.set(self.now, Timer::Place);
                }
            }
        }
    }

    /// The task takes over what was found, or is queued under its key.
    pub(super) fn take_answer(&mut self, answer: LookedUp) {
        let LookedUp { run, task, key, found } = answer;
        self.planner.questions.asked.remove(&(run, task.clone()));
        let Some(open) = self.planner.runs.get(&run).filter(|open| open.awaits_result(&task)) else { return };
        let age_ms = |made: &Task| made.finished_at.map_or(u64::MAX, |at| self.now.ms_since(at));
        let found = found.filter(|made| {
            // What is being removed goes on being removed.
            let is_free = !self.planner.is_removing(made.run) && !self.planner.is_above(made.run, run);
            is_free && open.may_take(&task, &key, made, age_ms(made))
        });
        match found {
            Some(made) => self.take_result(run, task, key, &made),
            None => {
                self.emit(run, Change::TaskKeyed { task: task.clone(), key });
                self.queue_keyed(run, task);
            }
        }
    }

    fn take_result(&mut self, run: RunId, task: TaskKey, key: String, made: &Task) {
        let taken_over = Change::TaskTakenOver {
            task: task.clone(),
            from_run: made.run,
            artifacts: made.artifacts.clone(),
            values: made.values.clone(),
            log: made.log().cloned(),
            from_task: Some(made.key.clone()),
            key: Some(key),
        };
        self.emit(run, taken_over);
        if let Some(open) = self.planner.runs.get_mut(&run) {
            open.value_bytes = open.value_bytes.saturating_add(bytes_of(&made.values));
        }
        self.finish_task(run, &task, TaskState::Cached, None, None);
    }

    fn queue_keyed(&mut self, run: RunId, task: TaskKey) {
        let open = self.planner.runs.get(&run);
        if let Some(context) = open.and_then(|open| Some(open.context(open.spec_index(&task)?))) {
            self.queue_task(run, task, &context);
        }
    }
}

impl Planner {
    /// Why a task waits whose result may be there already.
    pub(super) fn wait_for_result(&self, task: &Task) -> Option<String> {
        if task.state != TaskState::Waiting {
            return None;
        }
        let Questions { open, asked } = &self.questions;
        let question = (task.run, task.key.clone());
        (open.contains(&question) || asked.contains(&question))
            .then(|| "waiting for the records to say whether its result is there already (cache)".to_owned())
    }

    /// For the simulation: whether every task is asked about whose turn it is. Errors: one is not.
    #[cfg(any(test, feature = "simulation"))]
    pub(super) fn audit_questions(&self) -> Result<(), String> {
        let Questions { open, asked } = &self.questions;
        let let_in = self.runs.values().filter(|run| self.gates.standing(&(run.id(), None)).is_none());
        let awaited = let_in.flat_map(|run| run.awaiting_results().map(|task| (run.id(), task.clone())));
        match awaited.into_iter().find(|own| !open.contains(own) && !asked.contains(own)) {
            Some((run, task)) => Err(format!("{task} of {run} waits for a result that nobody is asked for")),
            None => Ok(()),
        }
    }

    /// Nobody answers from now on: what waits for an answer runs.
    pub(super) fn answer_nothing(&mut self, now: Timestamp) {
        let Questions { open, asked } = std::mem::take(&mut self.questions);
        let mut step = Step::begin(self, now);
        for (run, task) in open.into_iter().chain(asked) {
            step.take_answer(LookedUp { run, task, key: String::new(), found: None });
        }
    }
}
