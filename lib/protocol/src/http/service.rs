//! Bodies about services: programs with an account of their own.

use emboflow_model::access::{Powers, asked};
use emboflow_model::{ServiceName, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceView {
    /// Its name.
    pub name: ServiceName,
    /// What it may.
    pub powers: Powers,
    /// When it was made.
    pub created_at: Timestamp,
    /// Tokens that were made before are no longer good.
    pub tokens_since: Timestamp,
}

/// Body of `POST /api/v1/services`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewService {
    /// Its name.
    pub name: ServiceName,
    /// What it may.
    #[serde(default, deserialize_with = "asked::powers")]
    pub powers: Powers,
}

/// Body of `POST /api/v1/services/{service}/tokens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewServiceToken {
    /// Days until it ends, 1 to 90.
    #[schemars(range(min = 1, max = 90))]
    pub expires_in_days: u32,
}

/// Answer to a new token of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceTokenMade {
    /// The token: shown this once, and kept nowhere.
    pub token: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// The key that signs the tokens of services from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SigningKeyView {
    /// Its id in the header of tokens.
    pub kid: String,
    /// When it was made.
    pub created_at: Timestamp,
}
