//! Bodies about executors that are cordoned.

use emboflow_model::cordon::Cordon;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Body of `PUT /api/v1/executors/{executor}/cordon`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CordonBody {
    /// Why, for everybody who has to wait; 1 to 500 characters.
    pub reason: String,
    /// The executor is to become empty; without it, what it has may take its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<DrainBody>,
}

/// How an executor is to become empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DrainBody {
    /// What is still open after so many milliseconds is stopped and tried elsewhere, 30 days at most; without it, it is
    /// waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
}

/// A cordon as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CordonView {
    /// What was asked for.
    #[serde(flatten)]
    pub cordon: Cordon,
    /// Attempts that the executor still has; none while the scheduler does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_attempts: Option<u32>,
    /// Nothing is open on it and nothing new comes: its machine may be restarted.
    pub drained: bool,
}
