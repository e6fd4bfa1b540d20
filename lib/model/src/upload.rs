//! Uploads: files that people bring into a project. A version of an upload lies in storage like an artifact, with its
//! manifest last; the records say which version is the newest, and a run pins the one that it uses.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Timestamp;
use crate::artifact::{ArtifactFile, ArtifactManifest};
use crate::runtime_spec::StageInSource;

/// The kind of the kept documents: one for each upload, in the scope of its project, under its name.
pub const KIND: &str = "upload";
/// Characters in the name of an upload at most.
pub const NAME_MAX: usize = 100;
/// Uploads that one task takes in at most: each is a place in the token for its storage.
pub const TASK_MAX: usize = 16;
/// Different uploads that one run pins at most.
pub const RUN_MAX: usize = 256;
/// The artifact that a version's file is, below the version's prefix.
pub const CONTENT: &str = "content";
/// Milliseconds that an upload may take to begin: its token's life. One that has begun goes on.
pub const TOKEN_MS: u64 = 10 * 60 * 1_000;

const NAME_PATTERN: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$";

/// What an upload is called in its project, and its file in a container.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UploadName(Arc<str>);

/// The text is not the name of an upload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{text}' cannot be the name of an upload: it starts with a letter or digit (A-Z, a-z, 0-9), goes on with those, '.', '_' or '-', and has at most {NAME_MAX} characters"
)]
pub struct NotAnUploadName {
    /// The refused text, cut to 80 characters.
    pub text: String,
}

impl UploadName {
    /// Checks the form and makes the name. Errors: [`NotAnUploadName`].
    pub fn new(text: impl AsRef<str>) -> Result<Self, NotAnUploadName> {
        let text = text.as_ref();
        let begins = text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
        if begins && text.len() <= NAME_MAX && text.bytes().all(fits) {
            Ok(Self(text.into()))
        } else {
            Err(NotAnUploadName { text: text.chars().take(80).collect() })
        }
    }

    /// The name that a file's suggests: whatever does not fit becomes one `-`. None when nothing is left.
    pub fn of_file(file: &str) -> Option<Self> {
        let mut name = String::with_capacity(file.len());
        for character in file.chars() {
            match u8::try_from(character).ok().filter(|byte| fits(*byte)) {
                Some(byte) if !name.is_empty() || byte.is_ascii_alphanumeric() => name.push(byte.into()),
                None if !name.is_empty() && !name.ends_with('-') => name.push('-'),
                _ => {}
            }
        }
        // The end says what it is.
        let from = name.len().saturating_sub(NAME_MAX);
        Self::new(name[from..].trim_start_matches(['.', '_', '-'])).ok()
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn fits(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

impl fmt::Display for UploadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UploadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for UploadName {
    type Err = NotAnUploadName;

    fn from_str(text: &str) -> Result<Self, NotAnUploadName> {
        Self::new(text)
    }
}

/// A version of an upload: 128 bits, made from a UUIDv7, so that versions sort by the time they were asked for. It never
/// changes: another file is another version.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UploadVersion(u128);

/// The text is not a version of an upload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a version of an upload, which has 32 digits 0-9 and a-f")]
pub struct NotAVersion {
    /// The refused text, cut to 80 characters.
    pub text: String,
}

impl UploadVersion {
    /// The version with these bits (randomness and time belong to the caller).
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }
}

impl fmt::Display for UploadVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for UploadVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for UploadVersion {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        // One spelling each.
        let is_one = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let bits = is_one.then(|| u128::from_str_radix(text, 16).ok()).flatten();
        bits.map(Self).ok_or_else(|| NotAVersion { text: text.chars().take(80).collect() })
    }
}

macro_rules! as_json_string {
    ($type:ident, $pattern:expr) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::text::parsed(deserializer)
            }
        }

        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}

as_json_string!(UploadName, NAME_PATTERN);
as_json_string!(UploadVersion, "^[0-9a-f]{32}$");

/// The newest version of an upload, as the records keep it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptUpload {
    /// The version, and what it holds.
    #[serde(flatten)]
    pub pinned: PinnedUpload,
    /// What the file is, as whoever uploaded it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// When it was complete.
    pub uploaded_at: Timestamp,
    /// Who uploaded it.
    pub uploaded_by: String,
}

/// The version of an upload that a run uses, whatever is uploaded later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PinnedUpload {
    /// The version.
    pub version: UploadVersion,
    /// Size of the file in bytes.
    pub size_bytes: u64,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
    /// SHA-256 of its manifest, in hex.
    pub manifest_sha256: String,
}

/// The uploads that a run uses, by name.
pub type Pins = BTreeMap<UploadName, PinnedUpload>;

impl PinnedUpload {
    /// What an executor fetches: the file as an artifact below the version's `prefix`.
    pub fn source(&self, prefix: String) -> StageInSource {
        StageInSource {
            index: None,
            prefix,
            artifact: CONTENT.to_owned(),
            manifest_sha256: self.manifest_sha256.clone(),
            directory: false,
        }
    }
}

/// The manifest of a version: its one file.
pub fn manifest(name: &UploadName, size_bytes: u64, sha256: &str) -> ArtifactManifest {
    let file = ArtifactFile { path: name.to_string(), size_bytes, sha256: sha256.to_owned() };
    ArtifactManifest { files: vec![file] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_safe_file_name() {
        for good in ["a", "data.csv", "3d-Model_v2.tar.gz", "README", &"a".repeat(100)] {
            assert!(UploadName::new(good).is_ok(), "{good}");
        }
        let long = "a".repeat(101);
        for bad in
            ["", ".", "..", ".hidden", "-rf", "a/b", "a\\b", "a b", "a\0", "ä.csv", "a%2fb", "_x", &long]
        {
            assert!(UploadName::new(bad).is_err(), "{bad:?}");
            assert!(serde_json::from_value::<UploadName>(bad.into()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_name_of_a_file_becomes_one_that_fits() {
        let named = |file: &str| UploadName::of_file(file).map(|name| name.to_string());
        assert_eq!(named("data.csv").as_deref(), Some("data.csv"));
        assert_eq!(named("My file (1).csv").as_deref(), Some("My-file-1-.csv"));
        assert_eq!(named("../../etc/passwd").as_deref(), Some("etc-passwd"));
        assert_eq!(named("数据.zip").as_deref(), Some("zip"));
        assert_eq!(named("数据"), None);
        let long = format!("{}.tar.gz", "x".repeat(300));
        assert!(named(&long).is_some_and(|name| name.len() == 100 && name.ends_with("x.tar.gz")));
    }

    #[test]
    fn a_version_has_one_spelling_and_sorts_as_its_text_does() {
        let version = UploadVersion::from_bits(0x0193_4c7e_0000_7000_8000_0000_0000_00ff);
        assert_eq!(version.to_string(), "01934c7e0000700080000000000000ff");
        assert_eq!(version.to_string().parse(), Ok(version));
        assert!(UploadVersion::from_bits(9).to_string() < UploadVersion::from_bits(16).to_string());
        for bad in ["", "ff", "01934C7E000070008000000000000FFF", "+1934c7e000070008000000000000fff"] {
            assert!(bad.parse::<UploadVersion>().is_err(), "{bad}");
        }
    }
}
