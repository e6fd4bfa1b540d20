//! Bodies of the HTTP API. A run's body is [`emboflow_model::RunSummary`], a task's [`emboflow_model::Task`], a
//! row's [`crate::event::RunRow`].

pub mod access;
pub mod approval;
pub mod audit;
pub mod clearing;
pub mod cordon;
pub mod explanation;
pub mod maintenance;
pub mod notification;
pub mod queue;
pub mod rerun;
pub mod secret;
pub mod service;
pub mod trigger;
pub mod upload;
pub mod what_if;

use std::collections::BTreeMap;

use emboflow_model::executor::Heartbeat;
use emboflow_model::{ExecutorId, RunId, RunState, TaskKey, Timestamp, WorkflowName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::request::MAX_REASON_CHARS;

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Cursor of the next page; null on the last one.
    pub next: Option<String>,
}

/// Query of `GET …/runs`. Everything is filtered and sorted by the server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunQuery {
    /// Only runs in these states, separated by commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Only runs of this workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// Only runs with this label: `key=value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// `waiting`: only runs of which a task waits for a person to decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^(waiting)?$"))]
    pub approval: Option<String>,
    /// Only runs whose id or workflow contains this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// `created` (default), `finished` or `duration`; with a leading `-` the largest first (default `-created`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^(-?(created|finished|duration))?$"))]
    pub sort: Option<String>,
    /// Rows a page, 1 to 500; 50 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 500))]
    pub limit: Option<u32>,
    /// Cursor of the page, from `next` of the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Answer of `GET …/runs/counts`: runs of the project by state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunCounts {
    /// Runs in each state.
    pub by_state: BTreeMap<RunState, u64>,
}

/// Body of `POST …/runs/{id}/cancel`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelBody {
    /// Why, for the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_REASON_CHARS))]
    pub reason: Option<String>,
    /// What follows all other tasks (`finally`) does not run either, or is stopped. Also for a run that is being cancelled
    /// already.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_finally: bool,
}

/// Body of `POST …/runs/{id}/pause` and `…/resume`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonBody {
    /// Why, for the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_REASON_CHARS))]
    pub reason: Option<String>,
}

/// Body of `POST …/runs/{id}/retry` and `…/retry/preview`. Of a run that has not ended, tasks or inputs must be given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryBody {
    /// Repeat these tasks too, and all that needs them; a fan-out by the name of one task or of all. What did not end well
    /// is repeated in any case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskKey>,
    /// Values in place of those of the run; null takes one away, so that the default holds. What reads a value that is
    /// different now is repeated too.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub inputs: Map<String, Value>,
    /// What is repeated runs although the results of other runs would do; what it makes takes the place of those. What is
    /// not repeated is taken over from this run all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_cache: bool,
}

/// Answer of `GET …/requests/{key}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum RequestStatus {
    /// The scheduler has not decided yet.
    Pending,
    /// It became this run.
    Accepted {
        /// The run.
        run_id: RunId,
    },
    /// It became no run.
    Rejected {
        /// What is wrong.
        errors: Vec<Value>,
    },
}

/// Answer of `POST …/runs/batch`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BatchView {
    /// What became of each request, in their order.
    pub items: Vec<BatchItem>,
}

/// What became of one request of a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BatchItem {
    /// Its idempotency key.
    pub key: String,
    /// The decision.
    #[serde(flatten)]
    pub status: RequestStatus,
}

/// Body of `PUT …/workflows/{name}` and of `POST …/workflows/validate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkflowBody {
    /// The text of the workflow file.
    pub source: String,
}

/// A workflow of a project: its newest version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkflowView {
    /// Its name.
    pub name: WorkflowName,
    /// What the file says about itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Number of this version, from 1.
    pub version: u32,
    /// `sha256:` and the hex digest of the source text.
    pub digest: String,
    /// When this version was applied.
    pub created_at: Timestamp,
    /// The file, verbatim; left out of lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// An executor as the API shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExecutorView {
    /// Its last heartbeat.
    #[serde(flatten)]
    pub heartbeat: Heartbeat,
    /// Whether the heartbeat is fresh.
    pub online: bool,
    /// It has been silent for more than 15 seconds without having been stopped: it is given no work. Its attempts are lost
    /// after a while; a heartbeat makes it as before.
    #[serde(default)]
    pub suspect: bool,
    /// Milliseconds since the API received the heartbeat.
    pub age_ms: u64,
    /// An operator keeps work away from it. Not in events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cordon: Option<cordon::CordonView>,
    /// An operator has forgotten it: it is no longer in the list. Only in events.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forgotten: bool,
}

/// An executor that was forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExecutorForgotten {
    /// The executor.
    pub executor: ExecutorId,
    /// Its open attempts, which are lost now: their tasks try again as their policy says.
    pub lost_attempts: u32,
}

/// An artifact of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ArtifactView {
    /// The task that made it.
    pub task: TaskKey,
    /// The artifact's name.
    pub name: String,
    /// Number of files.
    pub files: u64,
    /// Sum of the files' sizes.
    pub size_bytes: u64,
    /// The page opens it by itself.
    pub preview: bool,
    /// Its output is a directory.
    pub directory: bool,
    /// SHA-256 of its manifest, in hex.
    pub manifest_sha256: String,
    /// The run that made it, when it was taken over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_over_from: Option<RunId>,
}

/// Query of `GET …/tasks/{key}/logs`. Without one the whole log is streamed as plain text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogQuery {
    /// The attempt; the last one by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Only the last this many lines; at most 100,000, and not together with `from` and `to`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 100_000))]
    pub tail: Option<u32>,
    /// From this byte on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// Up to this byte, not included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
    /// Go on with new bytes until the log is sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow: Option<bool>,
}

/// Query of `GET …/tasks/{key}/logs/search`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogSearchQuery {
    /// A regular expression of 1 to 1,000 bytes.
    #[schemars(length(min = 1, max = 1_000))]
    pub pattern: String,
    /// The attempt; the last one by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Matches at most, 1 to 1,000; 100 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000))]
    pub limit: Option<u32>,
}

/// Answer of `GET …/tasks/{key}/logs/search`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LogMatches {
    /// Matching lines in the whole log.
    pub total: u64,
    /// The first ones.
    pub matches: Vec<LogMatch>,
}

/// A line that matches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LogMatch {
    /// Number of the line, from 1.
    pub line: u64,
    /// Byte offset of the line's start.
    pub offset: u64,
    /// The line, cut to 2,000 characters.
    pub text: String,
}

/// Query of `GET /api/v1/events`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventQuery {
    /// Only this project's events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Only this run's events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Also the live log of this attempt, as `log` events ([`LogFrame`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// Events after this seq; the header `Last-Event-ID` says the same and wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

/// Data of the SSE event `log`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LogFrame {
    /// The attempt.
    pub attempt: String,
    /// Byte offset of the first byte.
    pub offset: u64,
    /// The bytes as UTF-8, with a replacement character for what is none.
    pub text: String,
    /// Number of raw bytes.
    pub size_bytes: u64,
}

/// Data of the SSE event `hello`, the first on every connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Hello {
    /// Events after this seq follow.
    pub seq: u64,
    /// The API's version.
    pub version: String,
}

/// Data of the message `changed` of the event stream: a list has changed, and whoever shows it reads it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListChanged {
    /// What is listed: `user`, `api-key`, `service`, `project`, or of the project `secret`, `trigger`, `notification` or
    /// `upload`.
    pub kind: String,
}

/// Answer of `GET /api/v1/system`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SystemView {
    /// EmboFlow's version.
    pub version: String,
    /// Name of the installation.
    pub instance: String,
    /// When the API started.
    pub started_at: Timestamp,
    /// The health of everything that the API can see.
    pub checks: Vec<CheckView>,
    /// What the storage gateway says of its back end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<StorageView>,
}

/// One dependency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckView {
    /// Its name, such as `nats` or `scheduler`.
    pub name: String,
    /// Whether it works.
    pub ok: bool,
    /// What it says.
    pub detail: String,
    /// How long the answer took.
    pub latency_ms: u64,
}

/// The storage gateway and its back end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StorageView {
    /// `directory` or `s3`.
    pub backend: String,
    /// Whether the probe passed.
    pub ok: bool,
    /// Free bytes, where the back end knows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_bytes: Option<u64>,
    /// Total bytes, where the back end knows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_bytes: Option<u64>,
    /// The steps of the probe.
    #[serde(default)]
    pub steps: Vec<CheckView>,
}
