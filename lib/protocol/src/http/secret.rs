//! Bodies about secrets. No answer has a secret's value.

use emboflow_model::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A secret of a project, without its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretView {
    /// Its name.
    pub name: String,
    /// Grows with each new value, from 1.
    pub version: u64,
    /// When it was first set.
    pub created_at: Timestamp,
    /// Who set it first.
    pub created_by: String,
    /// When it was set last.
    pub changed_at: Timestamp,
    /// Who set it last.
    pub changed_by: String,
}

/// Body of `PUT /api/v1/projects/{project}/secrets/{secret}`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretBody {
    /// The value: text of 1 byte to 16 KiB, without control characters but line feed, return and tab.
    #[schemars(length(min = 1, max = 16_384))]
    pub value: String,
}
