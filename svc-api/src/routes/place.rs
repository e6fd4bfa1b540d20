//! What the paths of the API name.

use emboflow_model::{ExecutorId, ProjectName, RunId, TaskKey, WorkflowName};
use schemars::JsonSchema;
use serde::Deserialize;

/// `…/projects/{project}`
#[derive(Deserialize, JsonSchema)]
pub(crate) struct InProject {
    /// The project.
    pub(crate) project: ProjectName,
}

/// `…/runs/{run}`
#[derive(Deserialize, JsonSchema)]
pub(crate) struct OfRun {
    /// The project.
    pub(crate) project: ProjectName,
    /// The run.
    pub(crate) run: RunId,
}

/// `…/tasks/{task}`
#[derive(Deserialize, JsonSchema)]
pub(crate) struct OfTask {
    /// The project.
    pub(crate) project: ProjectName,
    /// The run.
    pub(crate) run: RunId,
    /// The task, such as `train` or `train[3]`.
    pub(crate) task: TaskKey,
}

/// `…/artifacts/{task}/{name}`
#[derive(Deserialize, JsonSchema)]
pub(crate) struct OfArtifact {
    /// The project.
    pub(crate) project: ProjectName,
    /// The run.
    pub(crate) run: RunId,
    /// The task, such as `train` or `train[3]`.
    pub(crate) task: TaskKey,
    /// The artifact's name.
    pub(crate) name: String,
}

/// `…/artifacts/{task}/{name}/{path}`
#[derive(Deserialize, JsonSchema)]
pub(crate) struct OfFile {
    /// The project.
    pub(crate) project: ProjectName,
    /// The run.
    pub(crate) run: RunId,
    /// The task, such as `train` or `train[3]`.
    pub(crate) task: TaskKey,
    /// The artifact's name.
    pub(crate) name: String,
    /// The file's path in the artifact; it may have several segments.
    pub(crate) path: String,
}

/// `…/workflows/{workflow}`
#[derive(Deserialize, JsonSchema)]
pub(crate) struct OfWorkflow {
    /// The project.
    pub(crate) project: ProjectName,
    /// The workflow's name.
    pub(crate) workflow: WorkflowName,
}

/// `…/executors/{executor}`
#[derive(Deserialize, JsonSchema)]
pub(crate) struct OfExecutor {
    /// The executor.
    pub(crate) executor: ExecutorId,
}

/// `…/requests/{key}`
#[derive(Deserialize, JsonSchema)]
pub(crate) struct OfRequest {
    /// The project.
    pub(crate) project: ProjectName,
    /// The idempotency key.
    pub(crate) key: String,
}
