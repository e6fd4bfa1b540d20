//! What carries out one attempt: the trait behind which Docker and the simulated runtime stand.

pub mod docker;
pub mod simulated;

#[cfg(test)]
mod conformance;

use std::path::PathBuf;

use bytes::Bytes;
use emboflow_model::{AttemptId, ExecutorId, ImagePull, ProjectName, RuntimeSpec, Timestamp};
use futures::future::BoxFuture;
use futures::stream::BoxStream;

pub use crate::secrets::HandedSecrets;

/// The file of the workspace whose touch is a task's sign of life.
pub(crate) const HEARTBEAT_FILE: &str = ".emboflow-heartbeat";

/// What a call to the engine comes to.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, RuntimeError>>;

/// One engine. Containers are known by the attempt they belong to; every call may be repeated.
pub trait Runtime: Send + Sync + 'static {
    /// Name, version and size of the engine; an error when it does not answer.
    fn probe(&self) -> Answer<'_, Engine>;
    /// Sees to it that the image is there and gives its content digest. `on_pull` hears how far the pull is whenever
    /// that has changed, and nothing when nothing has to be pulled.
    fn prepare_image<'a>(&'a self, spec: &'a RuntimeSpec, on_pull: OnPull<'a>) -> Answer<'a, Option<String>>;
    /// Creates the container without starting it. One that this very attempt created before is taken over.
    fn create<'a>(&'a self, plan: &'a ContainerPlan) -> Answer<'a, Creation>;
    /// Starts the created container. The caller has seen that it never ran.
    fn start<'a>(&'a self, attempt: &'a AttemptId) -> Answer<'a, ()>;
    /// Looks at the container.
    fn observe<'a>(&'a self, attempt: &'a AttemptId) -> Answer<'a, Seen>;
    /// Ends when a started container has ended. A hint: the caller looks for itself.
    fn wait<'a>(&'a self, attempt: &'a AttemptId) -> Answer<'a, ()>;
    /// Sends a signal by name; a container that does not run is no error.
    fn signal<'a>(&'a self, attempt: &'a AttemptId, signal: &'a str) -> Answer<'a, ()>;
    /// The log from its first byte, standard output and error as they came; with `follow` until the end.
    fn logs<'a>(&'a self, attempt: &'a AttemptId, follow: bool) -> LogPieces<'a>;
    /// Folders of this machine, besides the plan's, that a started container can write to: the volumes of its image.
    fn volumes<'a>(&'a self, attempt: &'a AttemptId) -> Answer<'a, Vec<Place>>;
    /// The references of the images that are there; an image without one is left out.
    fn images(&self) -> Answer<'_, Vec<String>>;
    /// Every container of this executor, running or not.
    fn inventory(&self) -> Answer<'_, Vec<AttemptId>>;
    /// Removes the container with all it holds, running or not; an absent one is no error.
    fn remove<'a>(&'a self, attempt: &'a AttemptId) -> Answer<'a, ()>;
    /// Whether containers go on when the executor's process ends.
    fn outlives_executor(&self) -> bool;
}

/// Hears how far a pull is.
pub type OnPull<'a> = &'a (dyn Fn(&ImagePull) + Send + Sync);

/// Pieces of a log as they come.
pub type LogPieces<'a> = BoxStream<'a, Result<Bytes, RuntimeError>>;

/// Where a container comes from that is there after it was to be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    /// It was made just now, so it never ran.
    New,
    /// This very attempt made it before; it may have run.
    TakenOver,
}

/// A folder in which a task can leave bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where the task sees it.
    pub target: String,
    /// Where it is on this machine.
    pub folder: PathBuf,
}

/// What an engine says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// Name and version, such as `docker 20.10.24`.
    pub version: String,
    /// Thousandths of a core.
    pub cpu_millis: u64,
    /// Memory in bytes.
    pub memory_bytes: u64,
}

/// All that is needed to make the container of an attempt.
#[derive(Clone, Debug)]
pub struct ContainerPlan {
    /// The attempt.
    pub attempt: AttemptId,
    /// Its fence.
    pub fence: u64,
    /// The run's project.
    pub project: ProjectName,
    /// The run's trace id.
    pub trace_id: String,
    /// What to run.
    pub spec: RuntimeSpec,
    /// Folder of this machine that becomes `/workspace`.
    pub workspace: PathBuf,
    /// Folder of this machine whose entries become `/inputs/<name>`.
    pub inputs: PathBuf,
    /// The values of its secrets.
    pub secrets: HandedSecrets,
}

/// Whose containers an engine's are: the marks by which an executor knows its own.
#[derive(Clone, Debug)]
pub struct Owner {
    /// The installation.
    pub instance: String,
    /// The executor.
    pub executor: ExecutorId,
}

/// What a look at a container shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// There is none.
    Absent,
    /// Created and never started.
    Created,
    /// It runs.
    Running {
        /// Since when.
        started_at: Option<Timestamp>,
    },
    /// It ran and ended.
    Exited(Exit),
}

/// How a container ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exit {
    /// Exit code of its first process.
    pub code: i64,
    /// A process in it was killed because the memory limit was reached.
    pub oom_killed: bool,
    /// What the engine says went wrong.
    pub error: Option<String>,
    /// When it began to run.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub exited_at: Option<Timestamp>,
}

/// Why an engine did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeError {
    /// No such image.
    #[error("image {image} does not exist: {detail}")]
    ImageNotFound {
        /// The image.
        image: String,
        /// What was said.
        detail: String,
    },
    /// The registry refuses it.
    #[error("the registry refuses image {image}: {detail}")]
    ImageDenied {
        /// The image.
        image: String,
        /// What was said.
        detail: String,
    },
    /// The registry does not answer or fails.
    #[error("image {image} cannot be fetched: {detail}")]
    ImageUnavailable {
        /// The image.
        image: String,
        /// What was said.
        detail: String,
    },
    /// The command or the working directory is not one that this image can start.
    #[error("the command cannot be started: {detail}")]
    BadCommand {
        /// What was said.
        detail: String,
    },
    /// The spec asks for what is never given.
    #[error("the task cannot be run as it is written: {detail}")]
    BadSpec {
        /// What is wrong.
        detail: String,
    },
    /// No space left.
    #[error("the executor's disk is full: {detail}")]
    DiskFull {
        /// What was said.
        detail: String,
    },
    /// Another container has the attempt's name.
    #[error("a container named {name} exists and is not this attempt's")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The engine does not answer; asking again may help.
    #[error("the container engine does not answer: {detail}")]
    Unreachable {
        /// What was said.
        detail: String,
    },
    /// The engine answered with a failure.
    #[error("the container engine failed while {doing}: {detail}")]
    Failed {
        /// What it was asked for.
        doing: &'static str,
        /// What was said.
        detail: String,
    },
}

/// The name of an attempt's container. The engine refuses a second one of the same name.
pub fn container_name(attempt: &AttemptId) -> String {
    format!("ef-{attempt}")
}
