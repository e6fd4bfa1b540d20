//! Bodies about why tasks wait.

use emboflow_model::{RunId, RunState, TaskKey, TaskState};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::TaskWait;
use crate::position::Position;
use crate::verdict::Verdict;

/// Query of `GET …/runs/{run}/explanation`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplanationQuery {
    /// The task to look at closely, such as `train[3]`; the first one that is ready, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
}

/// Why tasks of a run wait, as the scheduler sees it now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunExplanation {
    /// The run.
    pub run: RunId,
    /// Its state: of a run that is over nothing waits.
    pub state: RunState,
    /// Its waiting tasks, 1,000 at most.
    pub waits: Vec<TaskWait>,
    /// One task looked at closely: the one that was asked about, or the first that is ready; none when nothing waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskExplanation>,
}

/// A task that was looked at closely.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskExplanation {
    /// The task.
    pub task: TaskKey,
    /// Its state.
    pub state: TaskState,
    /// Why it waits, in words; none when it does not wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_reason: Option<String>,
    /// What would help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// Where it stands in line; none when it stands in none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// Whether each executor could take it now, those of its pool first; 100 at most.
    pub verdicts: Vec<Verdict>,
}
