//! RuntimeSpec: all that a runtime reads about a task. Nothing in it belongs to one runtime.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{CodeRange, DeviceId, Resources, SecretName};

/// What to run, on what, with which limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RuntimeSpec {
    /// Image reference as in the workflow file.
    pub image: String,
    /// When to ask the registry.
    #[serde(default)]
    pub pull: PullPolicy,
    /// Replaces the image's entry point when not empty.
    #[serde(default)]
    pub command: Vec<String>,
    /// Arguments after the command.
    #[serde(default)]
    pub args: Vec<String>,
    /// Environment variables.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Working directory inside the container; the workspace when none.
    #[serde(default)]
    pub workdir: Option<String>,
    /// Numeric `uid` or `uid:gid`; 65532 when none.
    #[serde(default)]
    pub user: Option<String>,
    /// Limits, and what the placement counts.
    pub resources: Resources,
    /// Size of /dev/shm in bytes; the runtime's default when none.
    #[serde(default)]
    pub shm_bytes: Option<u64>,
    /// Processes and threads at most; 512 when none.
    #[serde(default)]
    pub pids: Option<u32>,
    /// What the container can reach.
    #[serde(default)]
    pub network: Network,
    /// How strictly it is shut in.
    #[serde(default)]
    pub isolation: Isolation,
    /// Time limits.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// How it is asked to end.
    #[serde(default)]
    pub stop: Stop,
    /// What is fetched into `/inputs/<name>` before the start.
    #[serde(default)]
    pub inputs: Vec<StageIn>,
    /// Exit codes that count as 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub complete_codes: Vec<CodeRange>,
    /// What is stored when it has succeeded.
    #[serde(default)]
    pub outputs: Vec<StageOut>,
    /// The secrets that it gets: their names, never their values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretUse>,
    /// The devices of the executor that it has for itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceId>,
    /// Which of several containers it is that do the same work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica: Option<Replica>,
    /// Whether it may run beside another attempt of its task.
    #[serde(default, skip_serializing_if = "Class::is_default")]
    pub class: Class,
    /// Bytes of log kept at most.
    pub log_limit_bytes: u64,
}

/// What happens when executor and platform cannot reach each other: whether an attempt may run beside the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// It keeps running, also when it is given to another executor meanwhile; the first accepted result wins.
    #[default]
    Idempotent,
    /// It never runs twice at once: an executor that cannot renew its claim stops it first.
    Exclusive,
}

impl Class {
    /// Whether it is the one of a task that names none.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it never runs twice at once.
    pub fn is_exclusive(self) -> bool {
        self == Self::Exclusive
    }
}

/// One of several containers that do the same work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Replica {
    /// From 0; `$EMBOFLOW_REPLICA`.
    pub index: u32,
    /// How many there are; `$EMBOFLOW_REPLICAS`.
    pub count: u32,
}

/// When the registry is asked for the image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PullPolicy {
    /// Only when the executor does not have it.
    #[default]
    IfNotPresent,
    /// Before each attempt.
    Always,
    /// Never: it must be there.
    Never,
}

/// What the container can reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// Loopback only.
    #[default]
    None,
    /// Whatever the executor's container network reaches.
    Full,
}

/// How strictly the container is shut in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// No capabilities, no new privileges, default seccomp, read-only root, non-root user, limits.
    #[default]
    Default,
}

/// Time limits in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Timeouts {
    /// From the claim until the container runs (image and inputs included).
    pub start_ms: u64,
    /// From the container's start to its exit; none = no limit.
    #[serde(default)]
    pub run_ms: Option<u64>,
    /// The longest time without a sign of life while the container runs; none = it need not give any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_ms: Option<u64>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { start_ms: 10 * 60 * 1000, run_ms: None, heartbeat_ms: None }
    }
}

/// How a container is asked to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stop {
    /// Signal name.
    pub signal: String,
    /// Milliseconds between the signal and the kill.
    pub grace_ms: u64,
}

impl Default for Stop {
    fn default() -> Self {
        Self { signal: "SIGTERM".to_owned(), grace_ms: 10_000 }
    }
}

/// Artifacts to fetch before the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StageIn {
    /// Name of the input: mounted at `/inputs/<name>`, named by `$INPUT_<NAME>`.
    pub name: String,
    /// Where the artifacts lie. One without an index fills the folder itself; those of a fan-out fill `<index>/`.
    pub sources: Vec<StageInSource>,
}

/// One artifact to fetch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StageInSource {
    /// Index of the task that made it, in a fan-out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// Object key prefix of the attempt that made it.
    pub prefix: String,
    /// The artifact's name.
    pub artifact: String,
    /// SHA-256 of its manifest.
    pub manifest_sha256: String,
    /// Its output is a directory.
    pub directory: bool,
}

/// A secret that a task gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretUse {
    /// What the task calls it: the file `/run/secrets/<variable>`, or the environment variable.
    pub variable: String,
    /// Its name in the project.
    pub secret: SecretName,
    /// How it gets there.
    #[serde(default, rename = "as")]
    pub form: SecretForm,
}

/// How a secret's value gets into a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretForm {
    /// A file in memory, whose path is in the variable with `_FILE` behind its name.
    #[default]
    File,
    /// An environment variable. Whoever may inspect the executor's containers sees its value.
    Env,
}

/// An output to store when the task has succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StageOut {
    /// The artifact's name.
    pub name: String,
    /// Path relative to the workspace; a directory when it ends in `/`.
    pub path: String,
    /// The page opens it by itself.
    #[serde(default)]
    pub preview: bool,
    /// A missing path is no failure.
    #[serde(default)]
    pub optional: bool,
    /// It is a JSON file whose content is told with the end of the attempt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub value: bool,
}
