//! What the platform talks about: ids, states, the workflow file, the runtime spec, transitions and what folds from them.
//!
//! Pure: no I/O, no clock, no randomness, no async. The same code runs in the scheduler, the API, the CLI and (as
//! wasm) in the page.

pub mod access;
pub mod anew;
pub mod approval;
pub mod artifact;
pub mod child;
pub mod clearing;
pub mod content_key;
pub mod cordon;
pub mod device;
pub mod epoch;
pub mod executor;
pub mod exit_code;
pub mod fencing;
pub mod hold;
pub mod id;
pub mod image_pull;
pub mod lease;
pub mod maintenance;
pub mod name;
pub mod notification;
pub mod object_key;
pub mod queue;
pub mod rerun;
pub mod resources;
pub mod run;
pub mod run_outputs;
pub mod runtime_spec;
pub mod secret;
pub mod state;
pub mod task;
mod text;
pub mod timestamp;
pub mod transition;
pub mod trigger;
pub mod upload;
pub mod workflow;

pub use anew::Anew;
pub use artifact::{ArtifactSummary, LogSeal};
pub use device::{Device, DeviceId};
pub use exit_code::CodeRange;
pub use id::{AttemptId, RunId, TaskKey};
pub use image_pull::ImagePull;
pub use name::{
    ExecutorId, NatsUserName, PoolName, ProjectName, QueueName, SecretName, ServiceName, TriggerName,
    WorkflowName,
};
pub use resources::Resources;
pub use run::{Run, RunSummary, TaskCounts};
pub use runtime_spec::RuntimeSpec;
pub use state::{AttemptState, Cause, Outcome, Reason, RunState, TaskState};
pub use task::{Attempt, Task};
pub use timestamp::Timestamp;
pub use transition::{Change, LogEntry, Rejection, Transition};
pub use upload::{UploadName, UploadVersion};
