//! What starts runs by itself, as people write it: the section `on` of a workflow file and of a trigger file.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::field::Scalar;
use super::schema;
use crate::state::RunState;

/// What starts a run by itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Triggers {
    /// A time table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<OneOrMore<ScheduleSpec>>,
    /// Messages on a NATS subject, or in a stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nats: Option<OneOrMore<NatsSpec>>,
    /// A signed HTTP request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<OneOrMore<WebhookSpec>>,
    /// The end of another workflow's run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_finished: Option<OneOrMore<RunFinishedSpec>>,
    /// New objects in the project's storage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_created: Option<OneOrMore<ObjectCreatedSpec>>,
}

/// One trigger of a kind, or a list of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum OneOrMore<T> {
    /// One.
    One(T),
    /// Several.
    More(Vec<T>),
}

impl<T> OneOrMore<T> {
    /// All of them, each with the end of its JSON pointer: nothing for the only one, `/<index>` in a list.
    pub fn each(&self) -> Vec<(String, &T)> {
        match self {
            Self::One(one) => vec![(String::new(), one)],
            Self::More(all) => {
                all.iter().enumerate().map(|(index, one)| (format!("/{index}"), one)).collect()
            }
        }
    }
}

/// Starts runs by a time table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSpec {
    /// Name of the trigger in the project; unless given, that of the workflow and `-schedule`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Five fields – minute, hour, day of the month, month, day of the week – or `@daily` and the like.
    pub cron: String,
    /// The zone of the time table, such as `Asia/Shanghai`; UTC unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// What happens while the run that was started before still goes on.
    #[serde(default, skip_serializing_if = "Overlap::is_default")]
    pub overlap: Overlap,
    /// Spreads the starts: each is late by a part of this, always the same for the same time, and never as late as the
    /// next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub jitter: Option<Scalar>,
    /// What happens to the times at which nothing could be started, because the platform was down.
    #[serde(default, skip_serializing_if = "Missed::is_default")]
    pub missed: Missed,
    /// How far back missed times are looked for: `1d` unless given, `31d` at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub catch_up: Option<Scalar>,
    /// Values for the workflow's inputs; `${{ event.time }}` is the time of the table.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub inputs: IndexMap<String, Value>,
}

/// What happens while the run that was started before still goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Overlap {
    /// Another one is started beside it.
    #[default]
    Allow,
    /// None is started.
    Skip,
    /// It is cancelled, and another one started.
    Replace,
}

impl Overlap {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What happens to missed times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Missed {
    /// Each is made up for, oldest first.
    All,
    /// The newest is made up for, unless the next one is due already.
    #[default]
    Last,
    /// They are left out.
    None,
}

impl Missed {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Starts a run for each message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NatsSpec {
    /// Name of the trigger in the project; unless given, that of the workflow and `-nats`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The subject, which may have wildcards. With `stream` it chooses among the stream's messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// A JetStream stream: exactly one run is started for each of its messages, also for those that came while the
    /// platform was down. Without it what comes meanwhile is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// Values for the workflow's inputs, such as `${{ event.data.path }}`.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub inputs: IndexMap<String, Value>,
}

/// Starts a run for each signed HTTP request to `/hooks/<project>/<name>`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookSpec {
    /// Name of the trigger in the project; unless given, that of the workflow and `-webhook`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The secret of the project that signs the requests.
    #[schemars(schema_with = "schema::name")]
    pub secret: String,
    /// How old or early the timestamp of a request may be: `5m` unless given, `1h` at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub tolerance: Option<Scalar>,
    /// Values for the workflow's inputs, such as `${{ event.data.branch }}`.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub inputs: IndexMap<String, Value>,
}

/// Starts a run after each run of another workflow that ended in one of these states.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunFinishedSpec {
    /// Name of the trigger in the project; unless given, that of the workflow and `-run-finished`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The other workflow.
    pub workflow: String,
    /// The states that count; `succeeded` unless given.
    #[serde(default = "succeeded", skip_serializing_if = "is_succeeded")]
    pub states: Vec<RunState>,
    /// Values for the workflow's inputs, such as `${{ event.data.id }}`.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub inputs: IndexMap<String, Value>,
}

/// Starts a run for each new object in the project's storage, and for each new content of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectCreatedSpec {
    /// Name of the trigger in the project; unless given, that of the workflow and `-object-created`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How the keys of the objects begin, below the project's own part of the storage: `incoming/`, `uploads/`, `runs/`.
    #[schemars(length(min = 1, max = 512))]
    pub prefix: String,
    /// What the rest of the key is like: `*` stands for any characters but `/`, `**` for any, `**/` for any folders or
    /// none, `?` for one character but `/`. Everything unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub pattern: Option<String>,
    /// Values for the workflow's inputs, such as `${{ event.data.key }}`.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub inputs: IndexMap<String, Value>,
}

fn succeeded() -> Vec<RunState> {
    vec![RunState::Succeeded]
}

fn is_succeeded(states: &Vec<RunState>) -> bool {
    *states == succeeded()
}
