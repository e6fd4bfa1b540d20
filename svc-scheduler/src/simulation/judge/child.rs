//! I25: a task that a run carries out has one such run, which nobody else asked for, and ends as that run has.

use emboflow_model::child::Parent;
use emboflow_model::state::{Reason, RunState, TaskState};
use emboflow_model::{RunId, Task, TaskKey};

use super::super::stage::Stage;
use super::Judged;
use super::change::{is_ended, is_final, judge_needs};

/// Whether a task may ask for a run now.
pub(super) fn judge_request(judged: &Judged, key: &TaskKey) -> Result<(), String> {
    let Judged { run, workflow, .. } = judged;
    let task = run.tasks.get(key).ok_or_else(|| format!("no task {key}"))?;
    if workflow.uses(key.name.as_str()).is_none() || task.child.is_some() || task.state != TaskState::Waiting
    {
        return Err(format!(
            "I25: {key} asks for a run, is {} and has asked for {:?}",
            task.state, task.child
        ));
    }
    if run.summary.state == RunState::Paused || is_ended(judged, key) {
        return Err(format!("I25: {key} asks for a run while its own is {}", run.summary.state));
    }
    let work_left = |task: &&Task| !is_final(judged, &task.key.name) && !task.state.is_terminal();
    if is_final(judged, &key.name) && run.tasks.values().any(|task| work_left(&task)) {
        return Err(format!("I7: {key} follows all others, and some have not ended"));
    }
    judge_needs(judged, key)?;
    let limit = workflow.task(key.name.as_str()).and_then(|spec| spec.max_parallel);
    let beside = run.tasks.values().filter(|task| task.key.name == key.name && task.open_child().is_some());
    if limit.is_some_and(|limit| beside.count() >= limit as usize) {
        return Err(format!("I9: more than max_parallel runs of {} are open", key.name));
    }
    Ok(())
}

impl Stage {
    /// Whether a run was asked for by the task that it names.
    pub(super) fn judge_birth(&self, parent: &Parent, run: RunId) -> Result<(), String> {
        let task = self.judge.runs.get(&parent.run).and_then(|judged| judged.run.tasks.get(&parent.task));
        let asked = task.and_then(Task::open_child).map(|child| child.run);
        match asked == Some(run) && !self.judge.runs.contains_key(&run) {
            true => Ok(()),
            false => Err(format!(
                "I25: {run} is made for {} of {}, which asks for {asked:?}",
                parent.task, parent.run
            )),
        }
    }

    /// Whether a task that a run carries out may end so.
    pub(super) fn judge_end_of_child(
        &self,
        judged: &Judged,
        task: &Task,
        to: TaskState,
        reason: Option<Reason>,
    ) -> Result<(), String> {
        let Some(child) = &task.child else { return Ok(()) };
        let ended = self.judge.runs.get(&child.run).map(|judged| judged.run.summary.state);
        let is_right = match (to, reason) {
            (TaskState::Succeeded, _) => ended == Some(RunState::Succeeded),
            (TaskState::Failed, Some(Reason::ChildFailed)) => {
                ended.is_some_and(|state| state.is_terminal() && state != RunState::Succeeded)
            }
            (TaskState::Failed, Some(Reason::ChildRefused)) => ended.is_none(),
            (TaskState::Cancelled, _) => ended.is_none_or(RunState::is_terminal),
            _ => false,
        };
        is_right.then_some(()).ok_or_else(|| {
            let run = judged.run.summary.id;
            format!("I25: {} of {run} ends {to} ({reason:?}), and {} is {ended:?}", task.key, child.run)
        })
    }
}
