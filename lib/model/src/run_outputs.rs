//! What a run gives to whoever started it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{ArtifactSummary, TaskKey};

/// What a run that has succeeded gives: the `outputs` of its workflow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunOutputs {
    /// JSON values by name. One that only hands on a value which its task did not give is left out.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub values: Map<String, Value>,
    /// Artifacts in the order of the file. One that its task did not make is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<OutputArtifact>,
}

/// An artifact that a run gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutputArtifact {
    /// The task of the run that has it.
    pub task: TaskKey,
    /// What it is called there.
    pub output: String,
    /// The artifact, under the name that the run gives it.
    pub artifact: ArtifactSummary,
}

impl RunOutputs {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.artifacts.is_empty()
    }
}
