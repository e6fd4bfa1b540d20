//! A task in the workflow file.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::approval::ApprovalSpec;
use super::cache::CacheSpec;
use super::exit_codes::ExitCodesSpec;
use super::field::{Axis, Scalar, Words};
use super::finally::Finally;
use super::schema;
use super::sub_workflow::UsesSpec;
use super::turn_spec::{self, ConcurrencySpec, RateLimitSpec};
use crate::runtime_spec::{Class, Isolation, PullPolicy, SecretForm};
use crate::state::Reason;

/// A node of the graph: one container, or one for each combination of its matrix.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TaskSpec {
    /// What the task does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Tasks that end before this one starts. A task that an expression here mentions is needed as well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// Whether it runs at all: `${{ … }}` that gives true or false. Without it, every needed task must have succeeded.
    #[serde(rename = "if", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::condition")]
    pub condition: Option<Scalar>,
    /// The task runs when all tasks without `finally` have ended: `always`, or only after a `failure` of the run. What they
    /// came to is `${{ run.outcome }}` and `$EMBOFLOW_RUN_OUTCOME`: `succeeded`, `failed`, `timed_out` or `cancelled`. Of
    /// its `needs` only those count that have a `finally` themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finally: Option<Finally>,
    /// Values by axis: the task runs once for each combination; `${{ matrix.axis }}` reads the value. An axis may be a
    /// list that another task gives, `${{ tasks.NAME.values.OUTPUT }}`: one task stands for all of them until it has ended.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub matrix: IndexMap<String, Axis>,
    /// How many tasks of the matrix run at the same time at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_parallel: Option<u32>,
    /// The container image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// When the registry is asked for the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_policy: Option<PullPolicy>,
    /// Replaces the image's entry point: a list of words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Words>,
    /// Arguments after the command: a list of words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args: Option<Words>,
    /// A script for `sh -eu`, instead of `command`. Values reach it through `env` and `inputs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Environment variables.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub env: IndexMap<String, Scalar>,
    /// Working directory in the container; the workspace when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workdir: Option<String>,
    /// User of the processes: `uid` or `uid:gid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<Scalar>,
    /// What the task gets of the machine.
    #[serde(skip_serializing_if = "ResourcesSpec::is_empty")]
    pub resources: ResourcesSpec,
    /// Time limit from the start of the container, such as `30m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub timeout: Option<Scalar>,
    /// Time limits, one by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<TimeoutsSpec>,
    /// What happens when the task fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetrySpec>,
    /// What exit codes other than 0 mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_codes: Option<ExitCodesSpec>,
    /// What the task takes in, by the name that it gets here: an output of another task, `${{ tasks.NAME.outputs.NAME }}`,
    /// or `{ upload: NAME }`. `$INPUT_NAME` is the path.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub inputs: IndexMap<String, TaskInput>,
    /// Files and directories that are stored as artifacts.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub outputs: IndexMap<String, OutputSpec>,
    /// The directory that the task works in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::workspace")]
    pub workspace: Option<Value>,
    /// What the task can reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::network")]
    pub network: Option<Value>,
    /// How strictly the container is shut in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isolation: Option<Isolation>,
    /// The run goes on as if this task had succeeded when it fails.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub continue_on_error: bool,
    /// The pool of executors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// Labels that an executor must have.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub labels: IndexMap<String, Scalar>,
    /// Taints of executors that the task puts up with: `key`, whatever its value, or `key=value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerations: Option<Vec<String>>,
    /// Which of the executors that would do is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<PlacementSpec>,
    /// The task may be stopped for more urgent work; it starts again as soon as there is room, and no attempt of its
    /// `retry` is used up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preemptible: Option<bool>,
    /// What happens when its executor and the platform cannot reach each other. `idempotent`, which holds without this:
    /// it keeps running, also when it is given to another executor meanwhile. `exclusive`: it never runs twice at once,
    /// because its executor stops it first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// Greater goes first: from -1000 to 1000, or `low` (-100), `normal` (0), `high` (100).
    #[serde(deserialize_with = "turn_spec::priority", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::priority")]
    pub priority: Option<i32>,
    /// Tasks of the project with the same mutex run one after the other; at most 200 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mutex: Option<String>,
    /// How many tasks of one key run at the same time, in the project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<ConcurrencySpec>,
    /// How many tasks of one key start within a time, in the project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimitSpec>,
    /// How the container is asked to end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<StopSpec>,
    /// Bytes of log kept of each attempt at most, such as `64Mi`; 256Mi unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::size")]
    pub log_limit: Option<Scalar>,
    /// Secrets of the project, by what the task calls them: `TOKEN: my-token` is the file `/run/secrets/TOKEN`, whose
    /// path is in `$TOKEN_FILE`; `TOKEN: { name: my-token, as: env }` is the variable `$TOKEN`. At most 16.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub secrets: IndexMap<String, SecretSpec>,
    /// How many containers do the same work: the tasks `name[0]`, `name[1]` …, which know their number by
    /// `$EMBOFLOW_REPLICA` and how many they are by `$EMBOFLOW_REPLICAS`. Not beside a `matrix`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::count")]
    pub replicas: Option<Scalar>,
    /// All replicas start together or not at all; when one fails the others are stopped, and they try again together.
    /// At most 256 replicas.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub gang: bool,
    /// The result that an earlier run of the project made of the same is taken over: the same image, program, inputs and
    /// secrets. `true`, or `{ ttl: 7d, key: TEXT }`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheSpec>,
    /// A run of another workflow of the project is started, and the task ends as that run does. Beside it there are only
    /// `description`, `needs`, `if`, `finally`, `matrix` (each starts a run), `max_parallel` and `continue_on_error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uses: Option<UsesSpec>,
    /// A person decides, and no container is run. Beside it there are only `description`, `needs`, `if`, `finally`,
    /// `matrix` (each is decided on its own) and `continue_on_error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalSpec>,
}

/// What a task takes in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum TaskInput {
    /// An output of another task: `${{ tasks.NAME.outputs.NAME }}`.
    Output(String),
    /// A file that somebody uploaded.
    Upload(UploadInput),
}

/// A file that somebody uploaded to the project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UploadInput {
    /// Name of the upload: its newest version when the run begins is used to the end of the run. The file has this name
    /// below `$INPUT_NAME`. An expression can read `inputs` and `matrix`.
    pub upload: String,
}

/// A secret of the project: its name, or the name and how it gets to the task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum SecretSpec {
    /// The name alone: a file.
    Name(String),
    /// The name, and the form.
    Formed(FormedSecret),
}

impl SecretSpec {
    /// The name in the project.
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) | Self::Formed(FormedSecret { name, .. }) => name,
        }
    }

    /// How it gets to the task.
    pub fn form(&self) -> SecretForm {
        match self {
            Self::Name(_) => SecretForm::default(),
            Self::Formed(formed) => formed.form,
        }
    }
}

/// A secret, and how it gets to the task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FormedSecret {
    /// The name in the project.
    pub name: String,
    /// `file` (default) or `env`.
    #[serde(default, rename = "as")]
    pub form: SecretForm,
}

/// What a task gets of the machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResourcesSpec {
    /// Cores: `2`, `0.5` or `500m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::cpu")]
    pub cpu: Option<Scalar>,
    /// Memory: `512Mi`, `2Gi`, or bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::size")]
    pub memory: Option<Scalar>,
    /// Disk for the workspace: `10Gi`, or bytes. A task that takes more is ended with `disk_full`. Without it the
    /// placement counts none, and the executor's own limit holds: 10 GiB unless configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::size")]
    pub disk: Option<Scalar>,
    /// Size of /dev/shm: `1Gi`, or bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::size")]
    pub shm: Option<Scalar>,
    /// Processes and threads at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::count")]
    pub pids: Option<Scalar>,
    /// Graphics processors that the task has for itself: how many, or `{ count: 2, model: a100 }`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu: Option<GpuSpec>,
}

impl ResourcesSpec {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Graphics processors: how many, or how many of which model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum GpuSpec {
    /// Any.
    Any(Scalar),
    /// Of one model.
    Model(GpuChoice),
}

/// Graphics processors of one model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GpuChoice {
    /// How many; 1 unless given, at most 64.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::count")]
    pub count: Option<Scalar>,
    /// Words of the model's name, such as `a100` for an `NVIDIA A100-SXM4-80GB`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Scalar>,
}

impl GpuSpec {
    /// Words of the model's name.
    pub(super) fn model(&self) -> Option<&Scalar> {
        match self {
            Self::Any(_) => None,
            Self::Model(choice) => choice.model.as_ref(),
        }
    }
}

/// Which of the executors that would do is taken.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PlacementSpec {
    /// The tasks of a fan-out go to different executors (`host`), or to executors with different values of a label, as
    /// far as there is room: a wish.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread: Option<String>,
    /// Never two tasks of the fan-out at the same time on one executor (`host`), or on executors with the same value of
    /// a label: a condition, the task waits for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anti_affinity: Option<String>,
}

/// Time limits of a task; each of them ends it with a reason of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TimeoutsSpec {
    /// How long the task may be ready without a place on an executor (`queue_timeout`). Each wait counts for itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub queue: Option<Scalar>,
    /// Until the container runs, image and inputs included (`start_timeout`); 10 minutes unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub start: Option<Scalar>,
    /// From the start of the container to its end (`run_timeout`); the same as `timeout` of the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub run: Option<Scalar>,
    /// How long a running task may give no sign of life (`heartbeat_lost`): write nothing to its log, and not touch the
    /// file that `$EMBOFLOW_HEARTBEAT` names. At least `1s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub heartbeat: Option<Scalar>,
    /// From the moment when the task was first ready to its end, with all attempts and waits (`total_timeout`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub total: Option<Scalar>,
}

/// What happens when a task fails.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetrySpec {
    /// Attempts in all, the first one included; from 1 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub attempts: Option<u32>,
    /// How the delay grows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Backoff>,
    /// Delay before the second attempt, such as `5s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub delay: Option<Scalar>,
    /// The delay grows up to this.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub max_delay: Option<Scalar>,
    /// The reasons that are worth another attempt; every reason when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<Reason>,
}

/// How the delay between attempts grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Backoff {
    /// It stays.
    #[default]
    Constant,
    /// It doubles.
    Exponential,
}

/// How a container is asked to end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StopSpec {
    /// The signal; SIGTERM when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::signal")]
    pub signal: Option<String>,
    /// Time between the signal and the kill, such as `10s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub grace: Option<Scalar>,
}

/// A file or directory that is stored as an artifact when the task succeeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputSpec {
    /// Path relative to the workspace; a directory when it ends in `/`.
    pub path: String,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The page opens it by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub preview: bool,
    /// The task succeeds without it too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// The file is JSON, and the tasks that follow read what is in it: `${{ tasks.NAME.values.OUTPUT }}`. At most 16 KiB,
    /// and 64 KiB for all values of a task.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub value: bool,
}

impl TaskSpec {
    /// The names of the values that the task gives to those that follow.
    pub fn value_names(&self) -> impl Iterator<Item = &str> {
        let given = self.outputs.iter().filter(|(_, output)| output.value).map(|(name, _)| name.as_str());
        let filled_in = self.approval.iter().flat_map(|approval| approval.inputs.keys().map(String::as_str));
        given.chain(filled_in)
    }
}
