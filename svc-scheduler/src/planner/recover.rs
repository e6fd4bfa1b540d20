//! Repeating a run: a new one that takes over the results of the tasks that stay.

use std::collections::HashSet;
use std::sync::Arc;

use emboflow_model::name::TaskName;
use emboflow_model::state::TaskState;
use emboflow_model::transition::Change;
use emboflow_model::{Run, RunId, Task, TaskKey, rerun};
use serde_json::{Map, Value};

use super::input::Submission;
use super::step::Step;
use super::values;

impl Step<'_> {
    /// Makes the new run; `tasks` are repeated besides what has to be ([`rerun::plan`]).
    pub(super) fn recover(&mut self, old: &Run, tasks: &[TaskKey], submission: Submission) {
        let run = submission.run;
        let old_id = old.summary.id;
        let workflow = Arc::clone(&submission.workflow);
        let plan = rerun::plan(old, &workflow, tasks, &submission.accepted.inputs);
        if !self.has_room(&submission) || !self.open(submission) {
            return;
        }
        let kept: Vec<&Task> = plan.into_iter().flat_map(|spec| spec.kept).collect();
        for (spec, matrix) in kept_fan_outs(old, &kept) {
            self.unfold(run, spec.clone(), matrix);
        }
        for kept in kept {
            self.take_over(run, old_id, kept);
        }
        // What follows from the results that stay is let go with the rest, once the run has passed its gates.
        self.met_specs.retain(|(other, _)| *other != run);
        self.admit_run(run);
    }

    fn take_over(&mut self, run: RunId, from_run: RunId, kept: &Task) {
        let taken_over = Change::TaskTakenOver {
            task: kept.key.clone(),
            from_run: kept.taken_over_from.unwrap_or(from_run),
            artifacts: kept.artifacts.clone(),
            values: kept.values.clone(),
            log: kept.log().cloned(),
            from_task: None,
            key: None,
        };
        self.emit(run, taken_over);
        if let Some(open) = self.planner.runs.get_mut(&run) {
            // They were within the limit of the old run.
            open.value_bytes = open.value_bytes.saturating_add(values::bytes_of(&kept.values));
        }
        self.finish_task(run, &kept.key, TaskState::Cached, None, None);
    }
}

/// The fan-outs over what other tasks gave of which something stays: what they were made of stays too, so their tasks
/// keep their indices. Any other is made anew when its turn comes.
fn kept_fan_outs<'r>(
    old: &'r Run,
    kept: &[&Task],
) -> impl Iterator<Item = (&'r TaskName, Vec<Map<String, Value>>)> {
    let stays: HashSet<TaskName> = kept.iter().map(|task| task.key.name.clone()).collect();
    let fan_outs = old.summary.graph.iter().filter(|spec| spec.dynamic && spec.fan_out.is_some());
    fan_outs.filter(move |spec| stays.contains(&spec.name)).map(|spec| {
        let tasks = spec.keys().filter_map(|key| old.tasks.get(&key));
        (&spec.name, tasks.map(|task| task.matrix.clone()).collect())
    })
}
