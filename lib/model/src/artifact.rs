//! What an attempt leaves in storage: artifacts with their manifests, and the seal of its log.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A named output of a task, stored and verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ArtifactSummary {
    /// The output's name in the workflow file.
    pub name: String,
    /// The object key prefix of the attempt that made it (another run's, when the task was taken over).
    pub prefix: String,
    /// Number of files.
    pub files: u64,
    /// Sum of the files' sizes.
    pub size_bytes: u64,
    /// SHA-256 of the manifest object, in hex: it fixes every file's size and checksum.
    pub manifest_sha256: String,
    /// The output is a directory.
    #[serde(default)]
    pub directory: bool,
    /// The page opens it by itself.
    #[serde(default)]
    pub preview: bool,
}

/// The manifest object of an artifact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ArtifactManifest {
    /// The files in the order of their paths.
    pub files: Vec<ArtifactFile>,
}

/// One file of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ArtifactFile {
    /// Path relative to the artifact, with `/`.
    pub path: String,
    /// Size.
    pub size_bytes: u64,
    /// SHA-256 of the content, in hex.
    pub sha256: String,
}

/// A log that can no longer change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogSeal {
    /// The object key prefix of the attempt whose log it is.
    pub prefix: String,
    /// Bytes kept. Nobody knows them of a lost executor's log: 0, and what was archived until then can be read.
    pub size_bytes: u64,
    /// Line feeds kept, plus one when the last line has none.
    pub lines: u64,
    /// SHA-256 of the kept bytes, in hex; empty when the bytes are no longer at hand (a lost executor's log).
    pub sha256: String,
    /// Why bytes are missing: the size limit (`log_limit`), the executor's full disk (`disk_full`), a container
    /// engine that did not give the rest (`engine_lost`) or a lost executor (`executor_lost`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<String>,
}

impl LogSeal {
    /// Word in `truncated` for a lost executor.
    pub const EXECUTOR_LOST: &str = "executor_lost";
}
