//! A key that is in use, and those that it has replaced.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Secret;

/// Keys of one purpose. To change the key: put the old one among `old_keys`, and the new one into its place.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// The key in use, at least 32 bytes; `openssl rand -base64 32` makes one.
    pub key: Secret,
    /// Keys that were in use before: what they sealed still opens. Default none.
    #[serde(default)]
    pub old_keys: Vec<Secret>,
}
