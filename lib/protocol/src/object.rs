//! HTTP bodies of the storage gateway.

use emboflow_model::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Answer of `PUT /objects/{key}`: the object is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoredObject {
    /// The object's key.
    pub key: String,
    /// Size of the content.
    pub size_bytes: u64,
    /// SHA-256 of the content, in hex.
    pub sha256: String,
}

/// One object in a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ObjectEntry {
    /// The object's key.
    pub key: String,
    /// Size of the content.
    pub size_bytes: u64,
    /// When it was put.
    pub modified_at: Timestamp,
    /// Another one for each content that is put under this key, as cheaply as the back end can tell; empty where it
    /// cannot. It says nothing outside of this listing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mark: String,
}

/// Answer of `GET /objects`: one page in the byte order of the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ObjectPage {
    /// The objects.
    pub items: Vec<ObjectEntry>,
    /// The `after` of the next page; none on the last.
    pub next: Option<String>,
}

/// Answer of `GET /usage`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StorageUsage {
    /// Everything below this prefix was counted.
    pub prefix: String,
    /// Number of objects.
    pub objects: u64,
    /// Sum of their sizes.
    pub size_bytes: u64,
    /// False when counting took too long and stopped early.
    pub complete: bool,
    /// How old the figures are; none where they were counted for this answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_ms: Option<u64>,
    /// Free bytes of the back end, where it knows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_bytes: Option<u64>,
    /// Total bytes of the back end, where it knows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_bytes: Option<u64>,
}
