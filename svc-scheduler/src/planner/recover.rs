//! Repeating a finished run: a new run that takes over the results of the tasks that stay.

use std::collections::HashSet;
use std::sync::Arc;

use emboflow_model::name::TaskName;
use emboflow_model::state::TaskState;
use emboflow_model::transition::{Change, PlannedSpec};
use emboflow_model::{Run, RunId, Task, TaskKey};

use super::input::Submission;
use super::step::Step;

impl Step<'_> {
    /// Makes the new run; `tasks` are repeated, or those that did not end well when it is empty.
    pub(super) fn recover(&mut self, old: &Run, tasks: &[TaskKey], submission: Submission) {
        let run = submission.run;
        let old_id = old.summary.id;
        let workflow = Arc::clone(&submission.workflow);
        if !self.has_room(&submission) || !self.open(submission) {
            return;
        }
        for kept in kept_tasks(old, tasks, |spec| workflow.task(spec.as_str()).is_some_and(|spec| spec.gang))
        {
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
            log: kept.log().cloned(),
        };
        self.emit(run, taken_over);
        self.finish_task(run, &kept.key, TaskState::Cached, None, None);
    }
}

/// The tasks of the old run whose results stay: they ended well, and nothing that they need is repeated. Of a gang all
/// stay or none.
fn kept_tasks<'r>(old: &'r Run, repeat: &[TaskKey], is_gang: impl Fn(&TaskName) -> bool) -> Vec<&'r Task> {
    let named: HashSet<&TaskKey> = repeat.iter().collect();
    let repeated = |task: &Task| named.contains(&task.key) || ended_badly(task);
    let mut stale: HashSet<&TaskName> = HashSet::new();
    let mut kept = Vec::new();
    // The graph is in topological order: whatever a spec needs has been judged before it.
    for spec in old.summary.graph.iter() {
        let needs_stale = spec.needs.iter().any(|need| stale.contains(need));
        let tasks: Vec<&Task> = tasks_of(old, spec).collect();
        let is_stale = needs_stale || tasks.iter().any(|task| repeated(task));
        if is_stale {
            stale.insert(&spec.name);
        }
        // What follows all others follows those of the new run.
        if !(spec.finally.is_some() || needs_stale || is_stale && is_gang(&spec.name)) {
            // What was skipped has no result; its condition is looked at anew.
            kept.extend(tasks.into_iter().filter(|task| task.state.is_good() && !repeated(task)));
        }
    }
    kept
}

/// Whether a task is worth repeating although nobody names it.
pub(crate) fn ended_badly(task: &Task) -> bool {
    matches!(task.state, TaskState::Failed | TaskState::UpstreamFailed | TaskState::Cancelled)
}

fn tasks_of<'r>(run: &'r Run, spec: &'r PlannedSpec) -> impl Iterator<Item = &'r Task> + 'r {
    spec.keys().filter_map(|key| run.tasks.get(&key))
}
