//! Bodies about uploads: files that people bring into a project.

use emboflow_model::upload::{KeptUpload, PinnedUpload};
use emboflow_model::{Timestamp, UploadName, UploadVersion};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bytes that an upload has at most: 1 TiB, as much as the storage gateway takes unless it is told otherwise.
pub const UPLOAD_BYTES_MAX: u64 = 1 << 40;

/// Body of `POST /api/v1/projects/{project}/uploads`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUpload {
    /// What the file is to be called in the project and in containers. A name that is there gets another version.
    pub name: UploadName,
    /// Size of the file in bytes: exactly so many are taken.
    #[schemars(range(max = 1_099_511_627_776_u64))]
    pub size_bytes: u64,
    /// SHA-256 of the file in hex, if the caller knows it already: other bytes are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: Option<String>,
}

/// Where the bytes of an upload go, and with what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UploadTicket {
    /// The upload.
    pub name: UploadName,
    /// The version that it will get.
    pub version: UploadVersion,
    /// Address for one `PUT` of the bytes with `Authorization: Bearer` and the token, relative to that of the page.
    pub url: String,
    /// Lets exactly these bytes in, under this version, once.
    pub token: String,
    /// Until when the `PUT` must have begun; it may last longer.
    pub expires_at: Timestamp,
}

/// Body of `PUT /api/v1/projects/{project}/uploads/{upload}/versions/{version}`: the bytes are there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UploadDone {
    /// SHA-256 of the file in hex, as the answer to the `PUT` of the bytes tells it.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: String,
    /// What the file is, such as `text/csv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[ -~]{1,100}$"))]
    pub content_type: Option<String>,
}

/// The newest version of an upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UploadView {
    /// Its name.
    pub name: UploadName,
    /// The version.
    pub version: UploadVersion,
    /// Size of the file in bytes.
    pub size_bytes: u64,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
    /// What the file is, as whoever uploaded it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// When it was complete.
    pub uploaded_at: Timestamp,
    /// Who uploaded it.
    pub uploaded_by: String,
}

impl UploadView {
    /// The view of what the records keep under a name.
    pub fn of(name: UploadName, kept: KeptUpload) -> Self {
        let KeptUpload { pinned, content_type, uploaded_at, uploaded_by } = kept;
        let PinnedUpload { version, size_bytes, sha256, manifest_sha256: _ } = pinned;
        Self { name, version, size_bytes, sha256, content_type, uploaded_at, uploaded_by }
    }
}

/// An upload with all its versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UploadDetail {
    /// The newest version: what a run that begins now uses.
    pub newest: UploadView,
    /// Every version that lies in storage, the newest first.
    pub versions: Vec<UploadVersionView>,
}

/// A version of an upload, as it lies in storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UploadVersionView {
    /// The version.
    pub version: UploadVersion,
    /// Size of the file in bytes.
    pub size_bytes: u64,
    /// When it was stored.
    pub stored_at: Timestamp,
}
