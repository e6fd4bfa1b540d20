//! A run that is made from an earlier one: which tasks it repeats, and whose results it takes over.

use std::collections::{BTreeSet, HashSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::name::TaskName;
use crate::state::TaskState;
use crate::transition::PlannedSpec;
use crate::workflow::{Problem, Workflow};
use crate::{Run, Task, TaskKey};

/// Why tasks of a TaskSpec are repeated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Why {
    /// The request names it.
    Named,
    /// It did not end well.
    EndedBadly,
    /// It has not ended yet.
    NotEnded,
    /// It was skipped, so there is no result; its condition is looked at anew.
    Skipped,
    /// Its expressions name inputs that have other values now.
    Inputs {
        /// These.
        inputs: Vec<String>,
    },
    /// It needs a task that is repeated.
    Needs {
        /// This one.
        task: TaskName,
    },
    /// It follows all other tasks, and so those of the new run.
    Finally,
}

/// What becomes of one TaskSpec of the earlier run.
#[derive(Clone, Debug, PartialEq)]
pub struct SpecRerun<'r> {
    /// The TaskSpec.
    pub name: &'r TaskName,
    /// How many tasks it has in the earlier run; in the new one as many, where one of them is taken over.
    pub tasks: usize,
    /// Tasks whose results are taken over.
    pub kept: Vec<&'r Task>,
    /// Why not all of them are.
    pub why: Option<Why>,
}

/// Why no run can be made.
#[derive(Clone, Debug, PartialEq)]
pub enum Refused {
    /// The run is open, and neither tasks nor inputs are given.
    Open,
    /// There is no such task.
    UnknownTask(TaskKey),
    /// The new inputs, or the tasks that they give.
    Inputs(Vec<Problem>),
    /// Every result would be taken over.
    Nothing,
}

/// The inputs of a run that repeats `old` with these values in place of its own; null takes a value away, so that the
/// default holds. Errors: every value that is wrong.
pub fn inputs(
    old: &Run,
    workflow: &Workflow,
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, Vec<Problem>> {
    // An optional input that was not given is null.
    let mut all: Map<String, Value> = old.summary.inputs.as_ref().clone();
    all.retain(|_, value| !value.is_null());
    for (name, value) in given {
        if value.is_null() && workflow.file.inputs.contains_key(name) {
            all.remove(name);
        } else {
            all.insert(name.clone(), value.clone());
        }
    }
    workflow.resolve_inputs(&all)
}

/// The names of the inputs that have other values than in the earlier run.
pub fn changed_inputs(old: &Run, inputs: &Map<String, Value>) -> BTreeSet<String> {
    let differs = |(name, value): &(&String, &Value)| old.summary.inputs.get(*name) != Some(*value);
    inputs.iter().filter(differs).map(|(name, _)| name.clone()).collect()
}

/// The inputs of the new run, if there can be one: `tasks` of `old` are repeated besides what has to be, `given` are
/// values in place of its own. Errors: why not.
pub fn check(
    old: &Run,
    workflow: &Workflow,
    tasks: &[TaskKey],
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, Refused> {
    if !old.summary.state.is_terminal() && tasks.is_empty() && given.is_empty() {
        return Err(Refused::Open);
    }
    let is_known = |key: &&TaskKey| {
        let names_spec = || key.index.is_none() && old.summary.graph.iter().any(|spec| spec.name == key.name);
        old.tasks.contains_key(*key) || names_spec()
    };
    if let Some(unknown) = tasks.iter().find(|key| !is_known(key)) {
        return Err(Refused::UnknownTask(unknown.clone()));
    }
    let inputs = inputs(old, workflow, given).map_err(Refused::Inputs)?;
    // Whatever the inputs are for, there are tasks that can be made of them.
    workflow.count_tasks(&inputs).map_err(Refused::Inputs)?;
    let repeats = |spec: &SpecRerun<'_>| {
        spec.why.as_ref().is_some_and(|why| !matches!(why, Why::Finally | Why::Skipped))
    };
    match plan(old, workflow, tasks, &inputs).iter().any(repeats) {
        true => Ok(inputs),
        false => Err(Refused::Nothing),
    }
}

/// What a run with these inputs repeats of `old`, in the order of its graph: the tasks that are named (a fan-out by the
/// name of all or of one), that did not end well or not yet, whose expressions name an input with another value, that
/// follow all others, and that need one of these. Of a gang all stay or none.
pub fn plan<'r>(
    old: &'r Run,
    workflow: &Workflow,
    tasks: &[TaskKey],
    inputs: &Map<String, Value>,
) -> Vec<SpecRerun<'r>> {
    let changed = changed_inputs(old, inputs);
    let mut stale: HashSet<&TaskName> = HashSet::new();
    let mut specs = Vec::with_capacity(old.summary.graph.len());
    // The graph is in topological order: whatever a spec needs has been judged before it.
    for spec in old.summary.graph.iter() {
        let all: Vec<&Task> = spec.keys().filter_map(|key| old.tasks.get(&key)).collect();
        let of_task = all.iter().find_map(|task| repeated(task, tasks));
        let of_spec = as_a_whole(spec, workflow, &stale, &changed);
        let is_gang = workflow.task(spec.name.as_str()).is_some_and(|spec| spec.gang);
        let keeps_none = of_spec.is_some() || is_gang && of_task.is_some();
        let stays = |task: &&Task| !keeps_none && task.state.is_good() && repeated(task, tasks).is_none();
        if of_spec.is_some() || of_task.is_some() {
            stale.insert(&spec.name);
        }
        let tasks = all.len();
        let skipped = all.iter().any(|task| task.state == TaskState::Skipped).then_some(Why::Skipped);
        let kept = all.iter().copied().filter(stays).collect();
        let why = match (of_task, of_spec) {
            (Some(Why::Named), _) => Some(Why::Named),
            (of_task, of_spec @ (None | Some(Why::Finally))) => of_task.or(of_spec),
            (_, of_spec) => of_spec,
        };
        specs.push(SpecRerun { name: &spec.name, tasks, kept, why: why.or(skipped) });
    }
    specs
}

/// Why a TaskSpec is repeated with all its tasks, whatever became of them.
fn as_a_whole(
    spec: &PlannedSpec,
    workflow: &Workflow,
    stale: &HashSet<&TaskName>,
    changed: &BTreeSet<String>,
) -> Option<Why> {
    if spec.finally.is_some() {
        return Some(Why::Finally);
    }
    if !changed.is_empty() {
        let read = workflow.inputs_read(spec.name.as_str());
        let inputs: Vec<String> = read.intersection(changed).cloned().collect();
        if !inputs.is_empty() {
            return Some(Why::Inputs { inputs });
        }
    }
    let task = spec.needs.iter().find(|need| stale.contains(need))?.clone();
    Some(Why::Needs { task })
}

/// Why one task is repeated by itself.
fn repeated(task: &Task, named: &[TaskKey]) -> Option<Why> {
    let is_named =
        |key: &TaskKey| key.name == task.key.name && (key.index.is_none() || key.index == task.key.index);
    match task.state {
        _ if named.iter().any(is_named) => Some(Why::Named),
        TaskState::Failed | TaskState::UpstreamFailed | TaskState::Cancelled => Some(Why::EndedBadly),
        state if !state.is_terminal() => Some(Why::NotEnded),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
