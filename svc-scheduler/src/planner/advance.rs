//! How one end leads to the next start: needs, conditions, the end of the run.

use emboflow_model::state::{Reason, RunState, TaskState};
use emboflow_model::transition::Change;
use emboflow_model::workflow::{Context, Problem};
use emboflow_model::{RunId, Task, TaskKey};

use super::executors::Hold;
use super::finally::counts_as_need;
use super::open_run::OpenRun;
use super::step::Step;
use super::timers::Timer;

impl Step<'_> {
    /// Works off everything that follows from what ended.
    pub(super) fn settle(&mut self) {
        loop {
            while let Some((run, spec)) = self.met_specs.pop_front() {
                self.meet(run, spec);
            }
            for run in std::mem::take(&mut self.touched) {
                self.end_run_when_done(run);
            }
            for run in std::mem::take(&mut self.ended_children) {
                self.end_task_of_child(run);
            }
            self.let_in();
            let nothing_ended = self.touched.is_empty() && self.ended_children.is_empty();
            if self.met_specs.is_empty() && nothing_ended {
                return;
            }
        }
    }

    fn meet(&mut self, run: RunId, spec: usize) {
        let Some(open) = self.planner.runs.get_mut(&run) else { return };
        if std::mem::replace(&mut open.specs[spec].met, true) {
            return;
        }
        self.let_go(run, spec);
        let open = self.planner.runs.get(&run);
        let is_empty = open.is_some_and(|open| open.run.summary.graph[spec].fan_out == Some(0));
        // A fan-out over nothing has ended as soon as its needs have.
        if is_empty {
            self.meet_dependents(run, spec);
        }
    }

    /// All needs of the spec have ended: do its tasks run?
    fn let_go(&mut self, run: RunId, spec: usize) {
        let Some(open) = self.planner.runs.get(&run) else { return };
        let name = open.run.summary.graph[spec].name.clone();
        let context = open.context(spec);
        let mut verdict = open.workflow.condition(name.as_str(), &context);
        let upstream_failed = failed_need(open, spec);
        if self.planner.is_alone {
            // Nobody gives values to a copy: what a condition over them would say is not known, and it goes on.
            verdict = verdict.or(Ok(true));
        } else if verdict == Ok(true) && open.awaits_fan_out(spec) {
            verdict = self.fan_out(run, spec, &context).map(|()| true);
        }
        let Some(open) = self.planner.runs.get(&run) else { return };
        if verdict == Ok(true) && open.workflow.uses(name.as_str()).is_some() {
            return self.ask_for_children(run, spec);
        }
        for task in open.waiting_tasks(spec) {
            match &verdict {
                Ok(true) if self.ask_people(run, &task, &context) => {}
                Ok(true) if self.ask_for_result(run, &task) => {}
                Ok(true) => self.queue_task(run, task, &context),
                Ok(false) if upstream_failed => {
                    self.finish_task(run, &task, TaskState::UpstreamFailed, Some(Reason::Upstream), None);
                }
                Ok(false) => self.finish_task(run, &task, TaskState::Skipped, None, None),
                Err(problem) => self.refuse_task(run, &task, problem),
            }
        }
    }

    /// The file says something about the task that cannot be carried out.
    pub(super) fn refuse_task(&mut self, run: RunId, task: &TaskKey, problem: &Problem) {
        let message = Some(problem.message.clone());
        self.finish_task(run, task, TaskState::Failed, Some(Reason::SpecInvalid), message);
    }

    /// The task is ready: it takes its place in a lane.
    pub(super) fn queue_task(&mut self, run: RunId, task: TaskKey, context: &Context) {
        let Some(open) = self.planner.runs.get_mut(&run) else { return };
        let stands = open.stands_as(&task) == task;
        match open.line(&task, context) {
            None => {}
            Some(Ok(line)) => {
                let admitted = open.admit(&task);
                self.step_task(run, &task, TaskState::Queued);
                // A gang stands there once.
                if admitted && stands {
                    self.stand(run, task.clone(), line, self.now);
                }
                self.newly_queued.push((run, task));
            }
            Some(Err(problem)) => self.refuse_task(run, &task, &problem),
        }
    }

    /// A back-off is over.
    pub(super) fn end_backoff(&mut self, run: RunId, task: &TaskKey) {
        let context = self.planner.runs.get(&run).and_then(|open| Some(open.context(open.spec_index(task)?)));
        if let Some(context) = context {
            self.note_what_runs_still(run, task);
            for task in self.due_together(run, task) {
                self.queue_task(run, task, &context);
            }
        }
    }

    /// The task has ended; whatever needed only this follows in [`Step::settle`].
    pub(super) fn finish_task(
        &mut self,
        run: RunId,
        task: &TaskKey,
        to: TaskState,
        reason: Option<Reason>,
        message: Option<String>,
    ) {
        let Some(from) = self.task_state(run, task) else { return };
        debug_assert!(from.may_become(to), "{task}: {from} -> {to}");
        self.emit(run, Change::Task { task: task.clone(), from, to, reason, message, retry_at: None });
        if from == TaskState::Queued {
            self.planner.leave_lane(&(run, task.clone()));
        }
        if matches!(from, TaskState::Queued | TaskState::Active) {
            self.let_follow(run, task);
        }
        self.touched.push(run);
        let Some(open) = self.planner.runs.get_mut(&run) else { return };
        let Some(index) = open.spec_index(task) else { return };
        if open.note_end(index) {
            let is_last = open.note_work(index);
            self.meet_dependents(run, index);
            if is_last {
                self.begin_end(run);
            }
        }
    }

    fn meet_dependents(&mut self, run: RunId, spec: usize) {
        let Some(open) = self.planner.runs.get_mut(&run) else { return };
        for dependent in open.specs[spec].dependents.clone() {
            let unmet = &mut open.specs[dependent].unmet;
            *unmet = unmet.saturating_sub(1);
            if *unmet == 0 {
                self.met_specs.push_back((run, dependent));
            }
        }
    }

    /// The task leaves its place among those in flight; a held one may follow.
    pub(super) fn let_follow(&mut self, run: RunId, task: &TaskKey) {
        self.planner.leave_gates(run, Some(task.clone()));
        let Some(open) = self.planner.runs.get_mut(&run) else { return };
        if let Some(follower) = open.leave(task) {
            self.stand_up(run, follower, self.now);
        }
    }

    pub(super) fn step_task(&mut self, run: RunId, task: &TaskKey, to: TaskState) {
        let Some(from) = self.task_state(run, task) else { return };
        debug_assert!(from.may_become(to), "{task}: {from} -> {to}");
        let change =
            Change::Task { task: task.clone(), from, to, reason: None, message: None, retry_at: None };
        self.emit(run, change);
    }

    pub(super) fn task_state(&self, run: RunId, task: &TaskKey) -> Option<TaskState> {
        Some(self.planner.runs.get(&run)?.run.tasks.get(task)?.state)
    }

    pub(super) fn step_run(&mut self, run: RunId, to: RunState, reason: Option<String>) {
        let Some(open) = self.planner.runs.get(&run) else { return };
        let from = open.run.summary.state;
        if from != to {
            debug_assert!(from.may_become(to), "{run}: {from} -> {to}");
            self.emit(run, Change::Run { from, to, reason });
        }
    }

    /// The run's first attempt starts: its clock runs from here.
    pub(super) fn begin_running(&mut self, run: RunId) {
        self.step_run(run, RunState::Running, None);
        self.planner.gates.start(&(run, None), self.now);
        self.watch_run_timeout(run);
    }

    pub(super) fn watch_run_timeout(&mut self, run: RunId) {
        if let Some(at) = self.planner.runs.get(&run).and_then(OpenRun::times_out_at) {
            self.planner.timers.set(at, Timer::RunTimeout(run));
        }
    }

    fn end_run_when_done(&mut self, run: RunId) {
        let Some(open) = self.planner.runs.get(&run) else { return };
        let summary = &open.run.summary;
        let over = summary.tasks.terminal() == summary.tasks.total;
        if !over || summary.state.is_terminal() || self.waits_for_strays(run) {
            return;
        }
        let Some(open) = self.planner.runs.get(&run) else { return };
        let summary = &open.run.summary;
        let (mut to, mut reason) = verdict(open, |_| true);
        if matches!(summary.state, RunState::Queued | RunState::Paused) {
            self.step_run(run, RunState::Running, None);
        }
        if to == RunState::Succeeded {
            (to, reason) = self.give_outputs(run);
        }
        self.step_run(run, to, reason);
        self.planner.leave_gates(run, None);
    }
}

/// What a run has come to of which these tasks have ended, and why.
pub(super) fn verdict(open: &OpenRun, of: impl Fn(&&Task) -> bool) -> (RunState, Option<String>) {
    let summary = &open.run.summary;
    if summary.state == RunState::Cancelling {
        return (RunState::Cancelled, None);
    }
    if let Some(ending) = summary.ending {
        return (ending, None);
    }
    let counts = &summary.tasks;
    if counts.in_state(TaskState::Failed) == 0 && counts.in_state(TaskState::UpstreamFailed) == 0 {
        return (RunState::Succeeded, None);
    }
    let bad = |task: &&Task| {
        let failed = matches!(task.state, TaskState::Failed | TaskState::UpstreamFailed);
        failed && !continues_on_error(open, task)
    };
    let mut failed = open.run.tasks.values().filter(of).filter(bad);
    let Some(first) = failed.next() else { return (RunState::Succeeded, None) };
    let more = match failed.count() {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let why =
        first.message.clone().or_else(|| first.reason.map(|reason| reason.to_string())).unwrap_or_default();
    (RunState::Failed, Some(format!("{} failed: {why}{more}", first.key)))
}

/// A need of the spec ended badly, the file does not say to go on, and the spec's condition has nothing to say to it.
fn failed_need(open: &OpenRun, spec: usize) -> bool {
    let graph = &open.run.summary.graph;
    let spec = &graph[spec];
    let needed = |other: &TaskKey| {
        let need = open.spec_index(other).map(|index| &graph[index]);
        need.is_some_and(|need| spec.needs.contains(&need.name) && counts_as_need(spec, need))
    };
    !open.workflow.judges_needs(spec.name.as_str())
        && open.run.tasks.values().any(|other| {
            let bad =
                matches!(other.state, TaskState::Failed | TaskState::UpstreamFailed | TaskState::Cancelled);
            bad && needed(&other.key) && !continues_on_error(open, other)
        })
}

fn continues_on_error(open: &OpenRun, task: &Task) -> bool {
    open.workflow.task(task.key.name.as_str()).is_some_and(|spec| spec.continue_on_error)
}

impl Step<'_> {
    /// Takes up a run that was read back from the records: its ready tasks, its timers and what it holds.
    pub(super) fn resume_run(&mut self, run: RunId) {
        let Some(open) = self.planner.runs.get(&run) else { return };
        let (mut active, mut queued) = (Vec::new(), Vec::new());
        for task in open.run.tasks.values() {
            match (task.state, task.retry_at) {
                (TaskState::Active, _) => active.push(task.key.clone()),
                (TaskState::Queued, _) => queued.push(task.key.clone()),
                (TaskState::Waiting, Some(at)) => {
                    self.planner.timers.set(at, Timer::Retry(run, task.key.clone()));
                }
                _ => {}
            }
        }
        // What runs already has its place among those in flight before anything else asks for one.
        for task in active {
            self.take_back_attempt(run, task);
        }
        for task in queued {
            let Some(open) = self.planner.runs.get_mut(&run) else { continue };
            let since = open.ready_since(&task);
            let stands = open.stands_as(&task) == task;
            if open.admit(&task) && stands {
                self.stand_up(run, task, since);
            }
        }
        self.take_back_gates(run);
        self.ask_for_results_again(run);
        self.take_back_strays(run);
        self.watch_run_timeout(run);
        self.planner.watch_limits(run, self.now);
    }

    fn take_back_attempt(&mut self, run: RunId, task: TaskKey) {
        let Some(open) = self.planner.runs.get_mut(&run) else { return };
        open.admit(&task);
        let Some(attempt) = open.run.tasks.get(&task).and_then(Task::open_attempt) else { return };
        let (executor, resources) = (attempt.executor.clone(), attempt.resources);
        let since = attempt.dispatched_at;
        let held = Hold { renewed: self.now, ..Hold::new(resources, attempt.devices.clone(), since) };
        let id = emboflow_model::AttemptId { run, task, number: attempt.number };
        let account = super::queues::account_of(&open.run.summary);
        super::executors::hold(&mut self.planner.executors, id.clone(), &executor, held);
        if let Some(lane) = self.planner.lane_of_task(run, &id.task) {
            self.planner.note_lane(&id, &executor, &lane);
        }
        self.planner.hold_for(id, account, &resources);
        self.expect_executor(&executor);
    }
}
