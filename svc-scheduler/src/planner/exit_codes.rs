//! What the exit code of a program that ended by itself decides. Ends by machines, limits or people have no say here: they
//! have reasons of their own.

use emboflow_model::state::{Cause, Reason, RunState, TaskState};
use emboflow_model::transition::{AttemptEnd, Change};
use emboflow_model::workflow::ExitAction;
use emboflow_model::{AttemptId, RunId};

use super::finally::Part;
use super::open_run::OpenRun;
use super::step::Step;

impl OpenRun {
    /// What the file says about the end of a task's attempt; none when only `retry` counts.
    pub(super) fn exit_action(&self, id: &AttemptId, end: &AttemptEnd) -> Option<ExitAction> {
        if end.reason != Some(Reason::ExitCode) || end.cause != Cause::User {
            return None;
        }
        let action = self.workflow.exit_codes(id.task.name.as_str()).action(end.exit_code?.into())?;
        // An executor of the version before does not know which codes count as success: it has stored no outputs.
        (action != ExitAction::Complete).then_some(action)
    }

    /// What a task that is given up says of its last end.
    pub(super) fn last_words(&self, id: &AttemptId, end: &AttemptEnd) -> Option<String> {
        let message = end.message.clone()?;
        let is_left = self.workflow.retry(id.task.name.as_str()).attempts > 1;
        Some(match self.exit_action(id, end) {
            Some(ExitAction::Fail) if is_left => {
                format!("{message} It is not tried again: `exit_codes.retry` does not name this code.")
            }
            _ => message,
        })
    }
}

impl Step<'_> {
    /// Whether the program of the attempt says that the whole run has failed.
    pub(super) fn fails_run(&self, id: &AttemptId, end: &AttemptEnd) -> bool {
        // What follows all others has nobody left to stop.
        let open = self.planner.runs.get(&id.run).filter(|open| !open.is_final(&id.task));
        open.and_then(|open| open.exit_action(id, end)) == Some(ExitAction::FailRun)
    }

    /// The task fails, and its run with it.
    pub(super) fn fail_run_with(&mut self, id: &AttemptId, end: &AttemptEnd) {
        let code = end.exit_code.unwrap_or_default();
        let reason =
            format!("{} ended with exit code {code}, which fails the run (`exit_codes.fail_run`)", id.task);
        self.begin_failing(id.run, reason);
        self.finish_task(id.run, &id.task, TaskState::Failed, end.reason, end.message.clone());
        self.stop(id.run, RunState::Failed, Part::Work);
    }

    /// The run is going to fail, whatever becomes of its other tasks.
    pub(super) fn begin_failing(&mut self, run: RunId, reason: String) {
        self.emit(run, Change::RunEnding { to: RunState::Failed, reason });
    }
}
