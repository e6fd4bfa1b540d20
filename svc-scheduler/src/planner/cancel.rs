//! Ending, pausing and going on: what people ask of an open run, and its own time limit.

use emboflow_model::state::{RunState, TaskState};
use emboflow_model::transition::Change;
use emboflow_model::{RunId, Task, TaskKey};

use super::finally::Part;
use super::input::{RunCommand, stop_reason};
use super::open_run::OpenRun;
use super::step::Step;

impl Step<'_> {
    /// Does what was asked; what the run's state does not allow changes nothing (the driver has told the caller).
    pub(super) fn command(&mut self, run: RunId, command: RunCommand) {
        let Some(state) = self.planner.runs.get(&run).map(|open| open.run.summary.state) else { return };
        match command {
            RunCommand::Cancel { reason } if state.may_become(RunState::Cancelling) => {
                self.begin_cancelling(run, reason);
                self.stop_everything(run, RunState::Cancelled);
                self.release_held_back(run);
            }
            RunCommand::CancelWhole { reason }
                if state == RunState::Cancelling || state.may_become(RunState::Cancelling) =>
            {
                self.begin_cancelling(run, reason);
                self.stop(run, RunState::Cancelled, Part::Whole);
            }
            RunCommand::Pause { reason } if state == RunState::Running => {
                self.step_run(run, RunState::Paused, reason.or_else(|| Some("paused by a user".to_owned())));
            }
            RunCommand::Resume if state == RunState::Paused => {
                self.step_run(run, RunState::Running, Some("resumed".to_owned()));
                self.release_held_back(run);
                self.ask_for_held_children(run);
            }
            _ => {}
        }
    }

    fn begin_cancelling(&mut self, run: RunId, reason: Option<String>) {
        self.step_run(run, RunState::Cancelling, reason.or_else(|| Some("cancelled by a user".to_owned())));
    }

    /// What came to its turn during a pause has it now.
    fn release_held_back(&mut self, run: RunId) {
        let held = self.planner.runs.get_mut(&run).map(|open| open.release_held_back()).unwrap_or_default();
        for task in held {
            self.stand_up(run, task, self.now);
        }
    }

    /// The run's own time limit has passed. What follows all others has limits of its own.
    pub(super) fn time_out_run(&mut self, run: RunId) {
        let Some(open) = self.planner.runs.get(&run) else { return };
        let summary = &open.run.summary;
        let has_work = open.work_left > 0;
        if !has_work
            || !matches!(summary.state, RunState::Running | RunState::Paused)
            || summary.ending.is_some()
        {
            return;
        }
        let limit_s = open.workflow.timeout_ms().unwrap_or(0) / 1000;
        let reason = format!("the run's time limit of {limit_s} s passed");
        self.emit(run, Change::RunEnding { to: RunState::TimedOut, reason });
        self.stop_everything(run, RunState::TimedOut);
    }

    /// Whether the run only waits for its open attempts to stop.
    pub(super) fn is_ending(&self, run: RunId) -> bool {
        self.ending_of(run).is_some()
    }

    /// What a run that stops its attempts is going to.
    pub(super) fn ending_of(&self, run: RunId) -> Option<RunState> {
        let summary = &self.planner.runs.get(&run)?.run.summary;
        match summary.state {
            RunState::Cancelling => Some(RunState::Cancelled),
            _ => summary.ending,
        }
    }

    /// What has not started will not; what runs is told to stop. What follows all others then has its turn, if anything
    /// of the run has started.
    pub(super) fn stop_everything(&mut self, run: RunId, ending: RunState) {
        if let Some(part) = self.planner.runs.get(&run).map(OpenRun::ending_part) {
            self.stop(run, ending, part);
        }
    }

    pub(super) fn stop(&mut self, run: RunId, ending: RunState, part: Part) {
        let Some(open) = self.planner.runs.get(&run) else { return };
        let unfinished: Vec<(TaskKey, TaskState, Option<u32>)> = open
            .run
            .tasks
            .values()
            .filter(|task| !task.state.is_terminal() && (part == Part::Whole || !open.is_final(&task.key)))
            .map(|task| (task.key.clone(), task.state, stoppable(task)))
            .collect();
        for (task, state, attempt) in unfinished {
            if self.stop_child(run, &task, part) {
                continue;
            }
            match (state, attempt) {
                (TaskState::Active, Some(number)) => {
                    let reason = stop_reason(ending);
                    self.emit(run, Change::AttemptStopping { task, number, reason });
                }
                (TaskState::Active, None) => {}
                _ => {
                    let message = why_stopped(ending);
                    self.finish_task(run, &task, TaskState::Cancelled, Some(stop_reason(ending)), message);
                }
            }
        }
        self.touched.push(run);
    }
}

/// Why a task is stopped, where the reason alone says something else.
pub(super) fn why_stopped(ending: RunState) -> Option<String> {
    (ending == RunState::Failed).then(|| "the run has failed".to_owned())
}

/// The open attempt that has not been told to stop.
fn stoppable(task: &Task) -> Option<u32> {
    task.open_attempt().filter(|attempt| attempt.stopping.is_none()).map(|attempt| attempt.number)
}
