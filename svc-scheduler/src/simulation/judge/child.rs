//! I25: a task that a run carries out has one such run, which nobody else asked for, and ends as that run has, with what that
//! has given.

use emboflow_model::child::Parent;
use emboflow_model::run_outputs::RunOutputs;
use emboflow_model::state::{Reason, RunState, TaskState};
use emboflow_model::{RunId, Task, TaskKey};
use serde_json::{Value, json};

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

/// Whether a run may give this: what its tasks have found, and only what its file says.
pub(super) fn judge_given(judged: &Judged, outputs: &RunOutputs) -> Result<(), String> {
    let Judged { run, workflow, .. } = judged;
    let found = run.tasks.values().find_map(|task| task.values.get("parts")).and_then(Value::as_array);
    let expected = found.map(|parts| json!({ "parts": parts, "count": parts.len() }));
    let given = Value::Object(outputs.values.clone());
    match workflow.has_outputs() && expected.as_ref() == Some(&given) {
        true => Ok(()),
        false => Err(format!("I25: {} gives {given}, and its tasks found {expected:?}", run.summary.id)),
    }
}

/// Whether a run may end so with what it has given.
pub(super) fn judge_end_with_outputs(judged: &Judged, to: RunState) -> Result<(), String> {
    let gives = judged.run.summary.outputs.is_some();
    match gives == (to == RunState::Succeeded && judged.workflow.has_outputs()) {
        _ if !to.is_terminal() => Ok(()),
        true => Ok(()),
        false => Err(format!("I25: {} ends {to}, and has given something: {gives}", judged.run.summary.id)),
    }
}

impl Stage {
    /// Whether a task that ends well has all that its file reads of the run which carried it out.
    fn judge_taken(&self, judged: &Judged, task: &Task, child: RunId) -> Result<(), String> {
        let ended = self.judge.runs.get(&child).and_then(|judged| judged.run.summary.outputs.as_ref());
        let mut names = judged.workflow.value_names(task.key.name.as_str()).into_iter();
        let differs = |name: &&str| task.values.get(*name) != ended.and_then(|given| given.values.get(*name));
        match names.find(differs) {
            Some(name) => Err(format!("I25: {} has not the `{name}` that {child} has given", task.key)),
            None => Ok(()),
        }
    }

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
            (TaskState::Succeeded, _) => {
                self.judge_taken(judged, task, child.run)?;
                ended == Some(RunState::Succeeded)
            }
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
