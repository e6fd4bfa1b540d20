//! Bodies of the API's routes for triggers.

use emboflow_model::trigger::{ClockChange, Pause, Start, TriggerSpec};
use emboflow_model::{Timestamp, TriggerName, WorkflowName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::request::MAX_REASON_CHARS;

/// Body of `PUT …/triggers/{trigger}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TriggerBody {
    /// The text of a trigger file.
    pub source: String,
}

/// A trigger as the API shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TriggerView {
    /// Its name.
    pub name: TriggerName,
    /// The workflow whose runs it starts.
    pub workflow: WorkflowName,
    /// What it waits for: `schedule`, `nats`, `webhook`, `run_finished` or `object_created`.
    pub kind: String,
    /// The same in words.
    pub summary: String,
    /// What it is in detail.
    pub spec: TriggerSpec,
    /// The workflow in whose file it stands: it is changed there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_by: Option<WorkflowName>,
    /// The text of its file; left out of lists, and where it stands in the file of its workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Why nothing is started, if somebody paused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Pause>,
    /// The next time of its table, or when it looks through the storage next, unless it is paused. Only in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<TriggerTime>,
    /// Its newest start. Only in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Start>,
    /// Where a webhook takes requests: a path of this server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub changed_at: Timestamp,
}

/// A time of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TriggerTime {
    /// The time.
    pub at: Timestamp,
    /// The same moment in the zone of the table: RFC 3339 with the zone's name behind.
    pub local: String,
    /// When the run is started, with its share of the jitter.
    pub due_at: Timestamp,
    /// The local clock is set on that day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_change: Option<ClockChange>,
}

/// Answer of `GET …/triggers/{trigger}/times`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TriggerTimes {
    /// The table in words.
    pub sentence: String,
    /// The zone of the table.
    pub timezone: String,
    /// The next times, whether the trigger is paused or not; or the first times of the asked range.
    pub times: Vec<TriggerTime>,
    /// How many times the asked range has, at most 1,000: so many a backfill starts at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_range: Option<u32>,
    /// There are more times in the range; a backfill would leave off after this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more_after: Option<Timestamp>,
}

/// Answer of `GET …/triggers/{trigger}/history`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TriggerHistory {
    /// The newest starts, newest first.
    pub items: Vec<Start>,
    /// Times, or objects that lay in the storage, up to here are dealt with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watermark: Option<Timestamp>,
}

/// Body of `POST …/triggers/{trigger}/pause`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseBody {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_REASON_CHARS))]
    pub reason: Option<String>,
}

/// Body of `POST …/triggers/{trigger}/fire`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FireBody {
    /// What the expressions of the trigger read as `event.data`.
    #[serde(default)]
    pub data: Value,
}

/// Body of `POST …/triggers/{trigger}/backfill`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackfillBody {
    /// The first moment.
    pub from: Timestamp,
    /// The last moment, not after now.
    pub to: Timestamp,
}

/// Answer of `POST …/fire`, `POST …/backfill` and `POST /hooks/{project}/{trigger}`: requests that are safely taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FiredView {
    /// Their idempotency keys.
    pub keys: Vec<String>,
    /// Where each of them tells what became of it.
    pub requests: Vec<String>,
    /// There are more times in the range; the next backfill begins after this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more_after: Option<Timestamp>,
}
