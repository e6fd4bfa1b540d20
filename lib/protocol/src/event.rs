//! Scheduler → everyone: the public form of what a transition changed, as CloudEvents 1.0 in structured JSON mode
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>).

use emboflow_model::transition::Transition;
use emboflow_model::{
    ProjectName, Run, RunId, RunState, RunSummary, Task, TaskCounts, Timestamp, WorkflowName,
};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::message::{Message, Subject};

/// Type of the one event there is; a later form of it gets a new number.
pub const RUN_CHANGED: &str = "io.emboflow.run.changed.v1";
/// Tasks in one event at most; beyond it `tasks_omitted` says so and a reader asks for the run.
pub const MAX_TASKS_IN_EVENT: usize = 200;

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
    /// More tasks changed than fit.
    #[serde(default)]
    pub tasks_omitted: bool,
}

/// A run as one row of a list: at most about a kilobyte.
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
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When its first task was given to an executor.
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
        let mut changed: Vec<_> = transition.changes.iter().filter_map(|change| change.task()).collect();
        changed.dedup();
        let mut tasks: Vec<Task> = Vec::new();
        for key in changed.iter().take(MAX_TASKS_IN_EVENT) {
            if !tasks.iter().any(|task| task.key == **key) {
                tasks.extend(run.tasks.get(*key).cloned());
            }
        }
        let omitted = changed.len() > MAX_TASKS_IN_EVENT;
        Self::of_state(&run.summary, transition.shard, transition.at, tasks, omitted)
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
            traceparent: Some(traceparent(&run.trace_id)),
            data: EventData {
                project: run.project.clone(),
                shard,
                seq: run.seq,
                run: RunRow::from(run),
                tasks,
                tasks_omitted,
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
}

/// W3C `traceparent` of a trace; its span id is the first half of the trace id, since a run is its own root span.
pub fn traceparent(trace_id: &str) -> String {
    format!("00-{trace_id}-{}-01", trace_id.get(..16).unwrap_or("0000000000000001"))
}

/// The trace id of a W3C `traceparent`, when it is a valid one.
pub fn trace_id_of(traceparent: &str) -> Option<String> {
    let mut parts = traceparent.trim().split('-');
    let (_version, trace_id) = (parts.next()?, parts.next()?);
    let is_hex =
        trace_id.len() == 32 && trace_id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    (is_hex && trace_id.bytes().any(|b| b != b'0')).then(|| trace_id.to_owned())
}
