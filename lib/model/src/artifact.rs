//! What an attempt leaves in storage: artifacts with their manifests, and the seal of its log.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A named output of a task, stored and verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ArtifactSummary {
    /// The output's name in the workflow file.
    pub name: String,
    /// The name under which it lies in storage, where that is another one: a run gives it under a name of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_as: Option<String>,
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

impl ArtifactSummary {
    /// The name under which it lies in storage, below its prefix.
    pub fn stored_name(&self) -> &str {
        self.stored_as.as_deref().unwrap_or(&self.name)
    }

    /// The same artifact under another name.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        let stored = self.stored_name().to_owned();
        Self { stored_as: (stored != name).then_some(stored), name: name.to_owned(), ..self }
    }
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
