//! Scheduler → everyone: the public form of what a transition changed, as CloudEvents 1.0 in structured JSON mode
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>).

use emboflow_model::transition::{Change, Transition};
use emboflow_model::{
    ProjectName, Run, RunId, RunState, RunSummary, Task, TaskCounts, TaskKey, Timestamp, WorkflowName,
};
use indexmap::{IndexMap, IndexSet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::message::{Message, Subject};
use crate::trace::{run_span, traceparent};

/// Type of the one event there is; a later form of it gets a new number.
pub const RUN_CHANGED: &str = "io.emboflow.run.changed.v1";
/// Tasks in one event at most; beyond it `tasks_omitted` says so and a reader asks for the run.
pub const MAX_TASKS_IN_EVENT: usize = 200;
/// Bytes of an event beyond which it leaves out the changes, and then the tasks: well below the server's message limit.
const MAX_EVENT_BYTES: usize = 512 * 1024;

/// A run changed. `data` is the state after the change, so that the newest event alone is enough.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// CloudEvents version: `1.0`.
    pub specversion: String,
    /// `<run>/<number>`: unique, and the same when the event is published again.
    pub id: String,
    /// `/projects/<project>/runs/<run>`.
    pub source: String,
    /// [`RUN_CHANGED`].
    #[serde(rename = "type")]
    pub kind: String,
    /// The run.
    pub subject: RunId,
    /// When it was decided.
    pub time: Timestamp,
    /// `application/json`.
    pub datacontenttype: String,
    /// W3C trace context of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// What changed.
    pub data: EventData,
}

/// What a run has come to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventData {
    /// The project.
    pub project: ProjectName,
    /// The shard whose log numbers it.
    pub shard: u32,
    /// Place in that log: grows by the order of decisions; also the id of the SSE stream.
    pub seq: u64,
    /// The run after the change.
    pub run: RunRow,
    /// The tasks that changed, after the change.
    #[serde(default)]
    pub tasks: Vec<Task>,
    /// More tasks changed than fit, or the run has other tasks than before, or outputs: a reader asks for the run.
    #[serde(default)]
    pub tasks_omitted: bool,
    /// What the transition with the number `run.version` changed, in order; the history has it too. Empty for the first
    /// one, for one with too many changes, and when the event stands for several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

/// A run as one row of a list: about a kilobyte, and more with many labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunRow {
    /// The run.
    pub id: RunId,
    /// Its project.
    pub project: ProjectName,
    /// Its workflow.
    pub workflow: WorkflowName,
    /// Its state.
    pub state: RunState,
    /// Why, where the state alone does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where it is going as soon as its open attempts have stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<RunState>,
    /// The caller's labels.
    #[serde(default)]
    pub labels: IndexMap<String, String>,
    /// The run whose tasks this one repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered_from: Option<RunId>,
    /// Tasks by state.
    pub tasks: TaskCounts,
    /// The tasks that wait for a person to decide; at most 100.
    #[serde(default, skip_serializing_if = "IndexSet::is_empty")]
    pub approvals: IndexSet<TaskKey>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When its first task was given to an executor, or a person was asked to decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Number of its last transition.
    pub version: u64,
}

impl From<&RunSummary> for RunRow {
    fn from(run: &RunSummary) -> Self {
        Self {
            id: run.id,
            project: run.project.clone(),
            workflow: run.workflow.clone(),
            state: run.state,
            reason: run.reason.clone(),
            ending: run.ending,
            labels: run.labels.clone(),
            recovered_from: run.recovered_from,
            tasks: run.tasks.clone(),
            approvals: run.approvals.clone(),
            created_at: run.created_at,
            started_at: run.started_at,
            finished_at: run.finished_at,
            version: run.version,
        }
    }
}

impl Event {
    /// The event of a transition that has just been folded into `run`.
    pub fn of(transition: &Transition, run: &Run) -> Self {
        let changed = transition.tasks();
        let keys = changed.iter().take(MAX_TASKS_IN_EVENT);
        let tasks: Vec<Task> = keys.filter_map(|key| run.tasks.get(key).cloned()).collect();
        // The graph has changed with a fan-out, and a task is gone, or there are outputs: that is read from the run.
        let is_for_run = transition.fans_out() || transition.gives_outputs();
        let omitted = is_for_run || changed.len() > MAX_TASKS_IN_EVENT;
        let mut event = Self::of_state(&run.summary, transition.shard, transition.at, tasks, omitted);
        // The first transition carries the whole workflow file.
        if transition.number > 1 && transition.changes.len() <= MAX_TASKS_IN_EVENT {
            event.data.changes.clone_from(&transition.changes);
        }
        event
    }

    /// The event that says what a run is now; a reader that missed some events needs only this one.
    pub fn of_state(
        run: &RunSummary,
        shard: u32,
        time: Timestamp,
        tasks: Vec<Task>,
        tasks_omitted: bool,
    ) -> Self {
        Self {
            specversion: "1.0".to_owned(),
            id: format!("{}/{}", run.id, run.version),
            source: format!("/projects/{}/runs/{}", run.project, run.id),
            kind: RUN_CHANGED.to_owned(),
            subject: run.id,
            time,
            datacontenttype: "application/json".to_owned(),
            traceparent: Some(traceparent(&run.trace_id, run_span(run.id))),
            data: EventData {
                project: run.project.clone(),
                shard,
                seq: run.seq,
                run: RunRow::from(run),
                tasks,
                tasks_omitted,
                changes: Vec::new(),
            },
        }
    }

    /// The subjects of all events, or of one project's.
    pub fn filter(project: Option<&ProjectName>) -> Subject {
        match project {
            None => Subject::new(&[&"event", &">"]),
            Some(project) => Subject::new(&[&"event", project, &">"]),
        }
    }
}

impl Message for Event {
    fn subject(&self) -> Subject {
        Subject::new(&[&"event", &self.data.project, &self.subject])
    }

    fn message_id(&self) -> Option<String> {
        Some(self.id.clone())
    }

    fn reduced(&self, bytes: usize) -> Option<Self> {
        let EventData { tasks, changes, .. } = &self.data;
        let nothing_left = tasks.is_empty() && changes.is_empty();
        if bytes <= MAX_EVENT_BYTES || nothing_left {
            return None;
        }
        let mut reduced = self.clone();
        if changes.is_empty() {
            (reduced.data.tasks, reduced.data.tasks_omitted) = (Vec::new(), true);
        }
        reduced.data.changes.clear();
        Some(reduced)
    }
}

/// The trace id of a W3C `traceparent`, when it is a valid one.
pub fn trace_id_of(traceparent: &str) -> Option<String> {
    let mut parts = traceparent.trim().split('-');
    let (_version, trace_id) = (parts.next()?, parts.next()?);
    let is_hex =
        trace_id.len() == 32 && trace_id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    (is_hex && trace_id.bytes().any(|b| b != b'0')).then(|| trace_id.to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use emboflow_model::TaskState;
    use emboflow_model::transition::{Accepted, PlannedSpec};
    use serde_json::Map;

    use super::*;

    /// A fan-out all of whose tasks were queued and skipped in one transition, each with a message of so many bytes.
    fn skipped(tasks: u32, message_bytes: usize) -> (Transition, Run) {
        let spec = PlannedSpec {
            name: "a".parse().unwrap(),
            fan_out: Some(tasks),
            dynamic: false,
            needs: Vec::new(),
            finally: None,
        };
        let accepted = Accepted {
            workflow: "story".parse().unwrap(),
            digest: String::new(),
            source: Arc::from(""),
            inputs: Map::new(),
            labels: IndexMap::new(),
            key: "k".to_owned(),
            body_sha256: String::new(),
            trace_id: "0".repeat(32),
            recovered_from: None,
            queue: emboflow_model::QueueName::default(),
            fairness_key: None,
            uploads: emboflow_model::upload::Pins::new(),
            anew: emboflow_model::Anew::default(),
            parent: None,
            workflows: Default::default(),
            tasks: vec![spec.clone()],
        };
        let first = Transition {
            shard: 0,
            seq: 1,
            run: RunId::from_bits(1),
            project: "lab".parse().unwrap(),
            number: 1,
            at: Timestamp(1),
            changes: vec![Change::Accepted(Box::new(accepted))],
        };
        let mut run = Run::begin(&first).unwrap();
        let step =
            |task, from, to, message| Change::Task { task, from, to, reason: None, message, retry_at: None };
        let (waiting, queued, skipped) = (TaskState::Waiting, TaskState::Queued, TaskState::Skipped);
        let mut changes: Vec<_> = spec.keys().map(|key| step(key, waiting, queued, None)).collect();
        let message = Some("x".repeat(message_bytes));
        changes.extend(spec.keys().map(|key| step(key, queued, skipped, message.clone())));
        let second = Transition { seq: 2, number: 2, changes, ..first };
        run.apply(&second).unwrap();
        (second, run)
    }

    /// The event as it is sent.
    fn event(tasks: u32, message_bytes: usize) -> (usize, EventData) {
        let (transition, run) = skipped(tasks, message_bytes);
        let mut event = Event::of(&transition, &run);
        loop {
            let bytes = serde_json::to_vec(&event).unwrap().len();
            match event.reduced(bytes) {
                Some(reduced) => event = reduced,
                None => return (bytes, event.data),
            }
        }
    }

    #[test]
    fn a_task_that_changed_twice_is_in_the_event_once() {
        let (_, data) = event(MAX_TASKS_IN_EVENT as u32, 1);
        assert_eq!((data.tasks.len(), data.tasks_omitted), (MAX_TASKS_IN_EVENT, false));
        let (_, data) = event(MAX_TASKS_IN_EVENT as u32 + 1, 1);
        assert_eq!((data.tasks.len(), data.tasks_omitted), (MAX_TASKS_IN_EVENT, true));
    }

    #[test]
    fn an_event_leaves_out_what_would_not_fit_a_message() {
        let (bytes, data) = event(80, 4_000);
        assert_eq!((data.tasks.len(), data.tasks_omitted), (80, false));
        assert_eq!(data.changes, [], "the history has them");
        assert!(bytes < 600 * 1024, "{bytes}");
        let (bytes, data) = event(150, 10_000);
        assert_eq!((data.tasks.len(), data.tasks_omitted), (0, true));
        assert!(bytes < 4 * 1024, "{bytes}");
        assert_eq!(data.run.tasks.in_state(TaskState::Skipped), 150);
        let (_, data) = event(2, 10);
        assert_eq!((data.tasks.len(), data.changes.len()), (2, 4));
    }
}
