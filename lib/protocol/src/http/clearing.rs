//! Bodies about results that were cleared.

use emboflow_model::WorkflowName;
use emboflow_model::clearing::Clearing;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Body of `POST …/cache/clearings`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClearingBody {
    /// Only what runs of this workflow made; without it, all results of the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<WorkflowName>,
}

/// What was cleared last, of a project or of one workflow in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClearingView {
    /// The workflow; none: all results of the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<WorkflowName>,
    /// When, and who.
    #[serde(flatten)]
    pub clearing: Clearing,
}
