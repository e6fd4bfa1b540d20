//! The workflow file, version 1, as types. The JSON Schema and the list of known fields come from here.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::exit_codes::ExitCodesSpec;
use super::field::Scalar;
use super::schema;
use super::task_spec::{PlacementSpec, ResourcesSpec, RetrySpec, StopSpec, TaskSpec, TimeoutsSpec};
use super::triggers::Triggers;
use super::turn_spec::{self, ConcurrencySpec, RateLimitSpec};
use crate::runtime_spec::{Class, Isolation, PullPolicy};

/// A workflow: tasks in containers, what they need from each other, and what they leave behind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkflowFile {
    /// Version of the format: 1.
    #[schemars(schema_with = "schema::version")]
    pub version: u32,
    /// Name of the workflow in its project: a-z, 0-9 and '-', starting with a letter, at most 63 characters.
    #[schemars(schema_with = "schema::name")]
    pub name: String,
    /// What the workflow is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Values that a run is given; `${{ inputs.name }}` reads one.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub inputs: IndexMap<String, InputSpec>,
    /// Environment variables of every task.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub env: IndexMap<String, Scalar>,
    /// What holds for every task that does not say otherwise.
    #[serde(default, skip_serializing_if = "Defaults::is_empty")]
    pub defaults: Defaults,
    /// What starts a run by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Triggers>,
    /// Time limit of the whole run, such as `2h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub timeout: Option<Scalar>,
    /// Labels of every run; a request may add more.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub labels: IndexMap<String, Scalar>,
    /// How many runs of one key there are at the same time, in the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<ConcurrencySpec>,
    /// How many runs of one key start within a time, in the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimitSpec>,
    /// Runs of one key share fairly with those of others in the project, such as `${{ inputs.user }}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fairness_key: Option<String>,
    /// The tasks by name.
    pub tasks: IndexMap<String, TaskSpec>,
    /// What a run gives to whoever started it when it has succeeded, at most 64: JSON, in which texts may hold `${{ … }}`, or
    /// an artifact, `${{ tasks.NAME.outputs.NAME }}`. A task with `uses` of another workflow has them as its values and
    /// outputs.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub outputs: IndexMap<String, Value>,
}

/// The declaration of an input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    /// The type of its value.
    #[serde(rename = "type")]
    pub kind: InputType,
    /// What it means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The value of a run that gives none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// Whether a run must give it; without this, an input is required when it has no default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
    /// The least value of a number, the least length of a string or array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<f64>,
    /// The greatest value of a number, the greatest length of a string or array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<f64>,
    /// The only values it may have.
    #[serde(default, rename = "enum", skip_serializing_if = "Option::is_none")]
    pub choices: Option<Vec<Value>>,
    /// A regular expression that a string must match somewhere; `^` and `$` bind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
}

/// The type of an input's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum InputType {
    /// Text.
    String,
    /// A whole number of 64 bits.
    Integer,
    /// A number.
    Number,
    /// true or false.
    Boolean,
    /// A list of JSON values.
    Array,
    /// A JSON object.
    Object,
}

/// What holds for every task that does not say otherwise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Defaults {
    /// The queue in which the runs wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// The pool of executors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// Labels that an executor must have.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub labels: IndexMap<String, Scalar>,
    /// Taints of executors that a task puts up with: `key`, whatever its value, or `key=value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerations: Option<Vec<String>>,
    /// Which of the executors that would do is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<PlacementSpec>,
    /// Tasks may be stopped for more urgent work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preemptible: Option<bool>,
    /// The container image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// When the registry is asked for the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_policy: Option<PullPolicy>,
    /// Working directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workdir: Option<String>,
    /// User of the processes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<Scalar>,
    /// What a task gets of the machine.
    #[serde(skip_serializing_if = "ResourcesSpec::is_empty")]
    pub resources: ResourcesSpec,
    /// Time limit of a task from the start of its container, such as `30m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub timeout: Option<Scalar>,
    /// Time limits of a task, one by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<TimeoutsSpec>,
    /// What happens when a task fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetrySpec>,
    /// What exit codes other than 0 mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_codes: Option<ExitCodesSpec>,
    /// What a task can reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::network")]
    pub network: Option<Value>,
    /// How strictly a task is shut in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isolation: Option<Isolation>,
    /// How a container is asked to end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<StopSpec>,
    /// What happens when an executor and the platform cannot reach each other: tasks keep running (`idempotent`), or are
    /// stopped first (`exclusive`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// Greater goes first: from -1000 to 1000, or `low` (-100), `normal` (0), `high` (100).
    #[serde(deserialize_with = "turn_spec::priority", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::priority")]
    pub priority: Option<i32>,
    /// Bytes of log kept of each attempt at most, such as `64Mi`; 256Mi unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::size")]
    pub log_limit: Option<Scalar>,
}

impl Defaults {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
