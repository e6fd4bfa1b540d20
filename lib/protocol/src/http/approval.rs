//! Bodies about what people decide.

use emboflow_model::approval::Approval;
use emboflow_model::{RunId, TaskKey, WorkflowName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::request::MAX_REASON_CHARS;

/// Body of `POST …/tasks/{task}/decision`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionBody {
    /// Approved, or rejected.
    pub approve: bool,
    /// What the approval asks to fill in; defaults are filled in for what is missing. Nothing for a rejection.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub inputs: Map<String, Value>,
    /// What there is to say to it, for the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_REASON_CHARS))]
    pub comment: Option<String>,
}

/// A task that waits for a person to decide.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalView {
    /// The run.
    pub run: RunId,
    /// Its workflow.
    pub workflow: WorkflowName,
    /// The task.
    pub task: TaskKey,
    /// What is asked.
    #[serde(flatten)]
    pub approval: Approval,
}
