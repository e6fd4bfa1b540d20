//! Where objects lie.

use emboflow_service::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where the objects lie.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// A directory of this machine.
    Directory(DirectoryBackend),
    /// A bucket of an S3 service.
    S3(S3Backend),
}

/// A directory of this machine; only one gateway may use it at a time.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
pub struct DirectoryBackend {
    /// Made where it is missing. Must lie on one file system.
    pub root: PathBuf,
    /// Uploads leave so many bytes free, or a twentieth of a small disk; with less the gateway is not ready.
    /// Default 256 MiB.
    #[serde(default = "default_low_space_bytes")]
    pub low_space_bytes: u64,
}

fn default_low_space_bytes() -> u64 {
    256 << 20
}

impl DirectoryBackend {
    /// A directory with the default settings.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), low_space_bytes: default_low_space_bytes() }
    }
}

/// A bucket of an S3 service (AWS, MinIO, SeaweedFS, BOS …).
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
pub struct S3Backend {
    /// The service's address, such as `http://minio:9000`; none for AWS.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// The bucket; it must exist.
    pub bucket: String,
    /// The region that signatures name. Default `us-east-1`.
    #[serde(default = "default_region")]
    pub region: String,
    /// Access key id.
    pub access_key: String,
    /// Secret access key.
    pub secret_key: Secret,
    /// Puts the bucket into the path instead of the host name; most services but AWS need it. Default true.
    #[serde(default = "default_path_style")]
    pub path_style: bool,
    /// When the client adds checksums of its own. Default `when_required`: many services refuse the others.
    #[serde(default)]
    pub checksums: Checksums,
    /// Size of a part of a multipart upload, at least 5 MiB. Default 8 MiB.
    #[serde(default = "default_part_bytes")]
    pub part_bytes: u64,
    /// How many parts of one upload are under way at once; each holds its bytes in memory. Default 2.
    #[serde(default = "default_parts_in_flight")]
    pub parts_in_flight: usize,
    /// Bytes of parts that all uploads together hold in memory; further ones wait. Default 256 MiB.
    #[serde(default = "default_memory_bytes")]
    pub memory_bytes: u64,
}

fn default_region() -> String {
    "us-east-1".to_owned()
}

fn default_path_style() -> bool {
    true
}

fn default_part_bytes() -> u64 {
    8 << 20
}

fn default_parts_in_flight() -> usize {
    2
}

fn default_memory_bytes() -> u64 {
    256 << 20
}

/// When requests to an S3 service carry checksums beyond the signature.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Checksums {
    /// Only where the operation demands one.
    #[default]
    WhenRequired,
    /// Wherever the operation takes one.
    WhenSupported,
}
