//! What the paths of the API name.

use emboflow_model::access::UserName;
use emboflow_model::name::NotificationName;
use emboflow_model::{
    ExecutorId, PoolName, ProjectName, QueueName, RunId, SecretName, ServiceName, TaskKey, TriggerName,
    UploadName, UploadVersion, WorkflowName,
};
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

/// `…/secrets/{secret}`
#[derive(Deserialize, JsonSchema)]
pub(crate) struct OfSecret {
    /// The project.
    pub(crate) project: ProjectName,
    /// The secret's name.
    pub(crate) secret: SecretName,
}

/// `…/uploads/{upload}`
#[derive(Deserialize, JsonSchema)]
pub(crate) struct OfUpload {
    /// The project.
    pub(crate) project: ProjectName,
    /// The upload's name.
    pub(crate) upload: UploadName,
}

/// `…/uploads/{upload}/versions/{version}`
#[derive(Deserialize, JsonSchema)]
pub(crate) struct OfUploadVersion {
    /// The project.
    pub(crate) project: ProjectName,
    /// The upload's name.
    pub(crate) upload: UploadName,
    /// The version.
    pub(crate) version: UploadVersion,
}

/// `…/executors/{executor}`
#[derive(Deserialize, JsonSchema)]
pub(crate) struct OfExecutor {
    /// The executor.
    pub(crate) executor: ExecutorId,
}

/// `…/maintenance/{pool}`
#[derive(Deserialize, JsonSchema)]
pub(crate) struct OfPool {
    /// The pool.
    pub(crate) pool: PoolName,
}

/// `…/queues/{queue}`
#[derive(Deserialize, JsonSchema)]
pub(crate) struct OfQueue {
    /// The queue.
    pub(crate) queue: QueueName,
}

/// `…/requests/{key}`
#[derive(Deserialize, JsonSchema)]
pub(crate) struct OfRequest {
    /// The project.
    pub(crate) project: ProjectName,
    /// The idempotency key.
    pub(crate) key: String,
}

/// `…/notifications/{notification}`
#[derive(Deserialize, JsonSchema)]
pub(crate) struct OfNotification {
    /// The project.
    pub(crate) project: ProjectName,
    /// The notification's name.
    pub(crate) notification: NotificationName,
}

/// `…/users/{user}`
#[derive(Deserialize, JsonSchema)]
pub(crate) struct OfUser {
    /// The user.
    pub(crate) user: UserName,
}

/// `…/members/{user}`
#[derive(Deserialize, JsonSchema)]
pub(crate) struct OfMember {
    /// The project.
    pub(crate) project: ProjectName,
    /// The user.
    pub(crate) user: UserName,
}

/// `…/sessions/{session}`
#[derive(Deserialize, JsonSchema)]
pub(crate) struct OfSession {
    /// The session's public id.
    pub(crate) session: String,
}

/// `…/keys/{key}`
#[derive(Deserialize, JsonSchema)]
pub(crate) struct OfKey {
    /// The key's public id.
    pub(crate) key: String,
}

/// `…/services/{service}`
#[derive(Deserialize, JsonSchema)]
pub(crate) struct OfService {
    /// The service.
    pub(crate) service: ServiceName,
}

/// `…/triggers/{trigger}`
#[derive(Deserialize, JsonSchema)]
pub(crate) struct OfTrigger {
    /// The project.
    pub(crate) project: ProjectName,
    /// The trigger's name.
    pub(crate) trigger: TriggerName,
}

/// `/hooks/{project}/{trigger}`: whoever sends there learns nothing from the form of a name.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct HookAddress {
    /// The project.
    pub(crate) project: String,
    /// The trigger's name.
    pub(crate) trigger: String,
}
