//! A run with its tasks, kept up to date by events. Pure.

use emboflow_model::{AttemptState, RunSummary, Task, TaskKey, TaskState};
use emboflow_protocol::event::{Event, RunRow};
use emboflow_protocol::progress::Progress;
use indexmap::IndexMap;

/// A run as it is known.
#[derive(Clone, Debug)]
pub(crate) struct RunView {
    /// The run.
    pub(crate) summary: RunSummary,
    /// Its tasks in their order.
    pub(crate) tasks: IndexMap<TaskKey, Task>,
}

/// What is shown of a task: when it differs, the task has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    state: TaskState,
    attempts: usize,
    attempt: Option<AttemptState>,
    wait_reason: Option<String>,
}

impl Shown {
    fn of(task: &Task) -> Self {
        Self {
            state: task.state,
            attempts: task.attempts.len(),
            attempt: task.open_attempt().map(|attempt| attempt.state),
            wait_reason: task.wait_reason.clone(),
        }
    }
}

impl RunView {
    pub(crate) fn new(summary: RunSummary, tasks: Vec<Task>) -> Self {
        Self { summary, tasks: tasks.into_iter().map(|task| (task.key.clone(), task)).collect() }
    }

    /// Takes an event in; gives the tasks that changed. None: the event leaves something out, and everything has to
    /// be read again.
    pub(super) fn take(&mut self, mut event: Event) -> Option<Vec<TaskKey>> {
        for task in &mut event.data.tasks {
            if let Some(known) = self.tasks.get(&task.key) {
                task.keep_pull_of(known);
            }
        }
        let changed = self.take_tasks(event.data.tasks);
        self.take_row(event.data.run);
        (!event.data.tasks_omitted).then_some(changed)
    }

    /// Takes in how far an attempt is; gives its task when that shows something else.
    pub(super) fn take_progress(&mut self, progress: Progress) -> Option<TaskKey> {
        let attempt = progress.attempt;
        let task = self.tasks.get_mut(&attempt.task).filter(|_| attempt.run == self.summary.id)?;
        task.show_pull(attempt.number, progress.pull).then_some(attempt.task)
    }

    /// Takes in what was read; gives the tasks that changed.
    pub(super) fn replace(&mut self, newer: RunView) -> Vec<TaskKey> {
        let changed = self.take_tasks(newer.tasks.into_values().collect());
        if newer.summary.version >= self.summary.version {
            self.summary = newer.summary;
            self.drop_replaced();
        }
        changed
    }

    /// What stood for a fan-out is gone as soon as the graph has its tasks.
    fn drop_replaced(&mut self) {
        let fans_out = |key: &TaskKey| {
            self.summary.graph.iter().any(|spec| spec.name == key.name && spec.fan_out.is_some())
        };
        self.tasks.retain(|key, _| key.index.is_some() || !fans_out(key));
        self.tasks.sort_by(|_, one, _, other| one.position.cmp(&other.position));
    }

    fn take_tasks(&mut self, tasks: Vec<Task>) -> Vec<TaskKey> {
        let mut changed = Vec::new();
        for task in tasks {
            match self.tasks.get_mut(&task.key) {
                Some(known) if known.version > task.version => {}
                Some(known) => {
                    if Shown::of(known) != Shown::of(&task) {
                        changed.push(task.key.clone());
                    }
                    *known = task;
                }
                None => {
                    changed.push(task.key.clone());
                    self.tasks.insert(task.key.clone(), task);
                }
            }
        }
        changed
    }

    fn take_row(&mut self, row: RunRow) {
        let run = &mut self.summary;
        if row.version <= run.version {
            return;
        }
        run.state = row.state;
        run.reason = row.reason;
        run.ending = row.ending;
        run.tasks = row.tasks;
        run.approvals = row.approvals;
        run.started_at = row.started_at;
        run.finished_at = row.finished_at;
        run.version = row.version;
    }

    /// The tasks of a spec.
    pub(crate) fn of_spec<'v>(&'v self, spec: &'v str) -> impl Iterator<Item = &'v Task> {
        self.tasks.values().filter(move |task| task.key.name.as_str() == spec)
    }

    /// The tasks that failed by themselves, not because of another one.
    pub(crate) fn failed(&self) -> impl Iterator<Item = &Task> {
        self.tasks.values().filter(|task| task.state == TaskState::Failed)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::{Value, json};

    pub(crate) const RUN: &str = "run-01jd8v7m2kq3x5w9c0hn4tz6ap";

    pub(crate) fn task(key: &str, state: &str, version: u64) -> Task {
        let position = 0;
        let value = json!({"run": RUN, "project": "default", "key": key, "position": position, "state": state,
            "version": version});
        serde_json::from_value(value).unwrap()
    }

    pub(crate) fn preparing(key: &str) -> Task {
        let mut task = task(key, "active", 2);
        let attempt = json!({"number": 1, "state": "preparing", "fence": 1, "executor": "e1", "pool": "default",
            "journal": "j", "resources": {}, "dispatched_at": "2026-11-21T13:00:00.000Z"});
        task.attempts.push(serde_json::from_value(attempt).unwrap());
        task
    }

    pub(crate) fn view(keys: &[&str]) -> RunView {
        let summary = json!({
            "id": RUN, "project": "default", "workflow": "w", "digest": "sha256:0", "state": "queued", "key": "k",
            "trace_id": "0", "graph": [{"name": "a"}, {"name": "b", "fan_out": 30}],
            "tasks": {"total": keys.len(), "by_state": {}},
            "created_at": "2026-11-21T13:00:00.000Z", "version": 1, "seq": 1,
        });
        let tasks = keys.iter().map(|key| task(key, "waiting", 1)).collect();
        RunView::new(serde_json::from_value(summary).unwrap(), tasks)
    }

    pub(crate) fn event(version: u64, state: &str, tasks: &[Task]) -> Event {
        let value: Value = json!({
            "specversion": "1.0", "id": "x", "source": "x", "type": "x", "subject": RUN,
            "time": "2026-11-21T13:00:01.000Z", "datacontenttype": "application/json",
            "data": {"project": "default", "shard": 0, "seq": version, "tasks": tasks, "run": {
                "id": RUN, "project": "default", "workflow": "w", "state": state, "version": version,
                "tasks": {"total": 2, "by_state": {}}, "created_at": "2026-11-21T13:00:00.000Z",
            }},
        });
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn events_move_a_run_forward_and_old_ones_change_nothing() {
        let mut view = view(&["a", "b[0]"]);
        let changed =
            view.take(event(3, "running", &[task("a", "succeeded", 3), task("b[0]", "waiting", 1)]));
        assert_eq!(changed.unwrap().len(), 1);
        assert!(view.take(event(2, "queued", &[task("a", "active", 2)])).unwrap().is_empty());
        assert_eq!(view.tasks.values().next().unwrap().state, TaskState::Succeeded);
        assert_eq!(view.summary.state.word(), "running");
    }

    #[test]
    fn the_tasks_of_a_fan_out_take_the_place_of_what_stood_for_it() {
        let mut shown = view(&["a", "b"]);
        let mut newer = view(&["b[0]", "b[1]", "a"]);
        for (position, key) in (0_u32..).zip(["a", "b[0]", "b[1]"]) {
            newer.tasks.get_mut(&key.parse::<TaskKey>().unwrap()).unwrap().position = position;
        }
        shown.replace(newer);
        let keys: Vec<String> = shown.tasks.keys().map(ToString::to_string).collect();
        assert_eq!(keys, ["a", "b[0]", "b[1]"]);
    }

    #[test]
    fn an_event_that_leaves_tasks_out_asks_for_a_new_look() {
        let mut view = view(&["a"]);
        let mut partial = event(2, "running", &[task("a", "queued", 2)]);
        partial.data.tasks_omitted = true;
        assert!(view.take(partial).is_none());
    }
}
