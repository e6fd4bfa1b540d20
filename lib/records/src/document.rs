//! What the records keep beside the decision log.

use std::sync::Arc;

use emboflow_model::run::accepted;
use emboflow_model::{LogEntry, ProjectName, RunId, RunSummary, Task, Timestamp, WorkflowName};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How far something has followed a shard's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cursor {
    /// The derived documents contain every entry up to here.
    Projection,
    /// The effects of every entry up to here have been carried out.
    Effects,
    /// Entries up to here may have been removed; none after it has.
    Removed,
}

impl Cursor {
    /// The word in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Projection => "projection",
            Self::Effects => "effects",
            Self::Removed => "removed",
        }
    }
}

/// Documents to write for a part of a shard's log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Derived {
    /// The shard.
    pub shard: u32,
    /// Runs that changed, as they are after it.
    pub runs: Vec<RunSummary>,
    /// Tasks that changed, as they are after it.
    pub tasks: Vec<Task>,
    /// Requests that were decided in it.
    pub requests: Vec<RequestRecord>,
    /// With these documents, everything up to this place is contained.
    pub through_seq: u64,
}

/// By which the result of a task is found in the records.
pub(crate) fn result_name(project: &ProjectName, key: &str) -> String {
    format!("{project}/{key}")
}

/// The same of a task that made its result itself.
pub(crate) fn result_of(task: &Task) -> Option<String> {
    task.result_key().map(|key| result_name(&task.project, key))
}

/// A decided request: what the same key is answered when it comes again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// The project it was sent to.
    pub project: ProjectName,
    /// The caller's idempotency key.
    pub key: String,
    /// SHA-256 of the request's body, in hex.
    pub body_sha256: String,
    /// What it became.
    pub outcome: RequestOutcome,
    /// When it was decided.
    pub at: Timestamp,
    /// Place of the decision in the shard's log; a key that was decided again later keeps the later one.
    pub seq: u64,
    /// When its run ended; known here once the run is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

impl RequestRecord {
    /// The request that an entry of the log decided; none for a later transition of a run.
    pub fn of(entry: &LogEntry) -> Option<Self> {
        Some(match entry {
            LogEntry::Rejection(rejection) => Self {
                project: rejection.project.clone(),
                key: rejection.key.clone(),
                body_sha256: rejection.body_sha256.clone(),
                outcome: RequestOutcome::Rejected(rejection.errors.clone()),
                at: rejection.at,
                seq: rejection.seq,
                ended_at: None,
            },
            LogEntry::Transition(transition) => {
                let accepted = accepted(transition)?;
                Self {
                    project: transition.project.clone(),
                    key: accepted.key.clone(),
                    body_sha256: accepted.body_sha256.clone(),
                    outcome: RequestOutcome::Accepted(transition.run),
                    at: transition.at,
                    seq: transition.seq,
                    ended_at: None,
                }
            }
        })
    }
}

/// What a request became.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestOutcome {
    /// This run.
    Accepted(RunId),
    /// Nothing, because of these errors.
    Rejected(Vec<Value>),
}

/// A run that is being removed: noted until its objects are gone too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Removal {
    /// The run.
    pub run: RunId,
    /// Its project.
    pub project: ProjectName,
    /// The idempotency key of its request.
    pub key: String,
    /// Place of its last transition in the shard's log.
    pub seq: u64,
    /// When it ended.
    pub ended_at: Timestamp,
}

impl From<&RunSummary> for Removal {
    fn from(run: &RunSummary) -> Self {
        Self {
            run: run.id,
            project: run.project.clone(),
            key: run.key.clone(),
            seq: run.seq,
            ended_at: run.finished_at.unwrap_or(run.created_at),
        }
    }
}

/// A version of a workflow without its text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkflowRow {
    /// The project.
    pub project: ProjectName,
    /// The name.
    pub name: WorkflowName,
    /// From 1.
    pub version: u32,
    /// `sha256:` and the hex digest of the text.
    pub digest: String,
    /// What the file says about itself.
    pub description: Option<String>,
    /// When this version was first put.
    pub created_at: Timestamp,
}

/// An immutable version of a workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkflowVersion {
    /// All but the text.
    #[serde(flatten)]
    pub row: WorkflowRow,
    /// The file, verbatim.
    pub source: Arc<str>,
}
