//! Uploads as they lie in storage.

use std::collections::BTreeMap;

use emboflow_model::{ProjectName, Timestamp, UploadName, UploadVersion, object_key};
use emboflow_storage::ObjectEntry;

/// A version of an upload in storage, complete or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) name: UploadName,
    pub(super) version: UploadVersion,
    /// Bytes of all its objects but the manifest.
    pub(super) size_bytes: u64,
    /// When its newest object came.
    pub(super) stored_at: Timestamp,
    has_manifest: bool,
}

impl Stored {
    /// Whether all of it is there: the manifest is written last.
    pub(super) fn is_complete(&self) -> bool {
        self.has_manifest
    }

    pub(super) fn is_older_than(&self, age_ms: u64, now: Timestamp) -> bool {
        self.stored_at.plus_ms(age_ms) < now
    }

    pub(super) fn prefix(&self, project: &ProjectName) -> String {
        object_key::upload_version_prefix(project, &self.name, self.version)
    }
}

/// Reads a listing of a project's uploads: by name, then from the oldest version to the newest. What is no part of an
/// upload is passed over.
pub(super) fn read(project: &ProjectName, entries: &[ObjectEntry]) -> Vec<Stored> {
    let root = object_key::uploads_prefix(project);
    let mut found: BTreeMap<(UploadName, UploadVersion), Stored> = BTreeMap::new();
    for entry in entries {
        let mut parts = entry.key.strip_prefix(&root).unwrap_or_default().splitn(3, '/');
        let (Some(Ok(name)), Some(Ok(version)), Some(_)) = (
            parts.next().map(str::parse::<UploadName>),
            parts.next().map(str::parse::<UploadVersion>),
            parts.next(),
        ) else {
            continue;
        };
        let prefix = object_key::upload_version_prefix(project, &name, version);
        let is_manifest = entry.key == object_key::upload_manifest(&prefix);
        let blank = Stored {
            name: name.clone(),
            version,
            size_bytes: 0,
            stored_at: entry.modified_at,
            has_manifest: false,
        };
        let stored = found.entry((name, version)).or_insert(blank);
        stored.stored_at = stored.stored_at.max(entry.modified_at);
        stored.has_manifest |= is_manifest;
        stored.size_bytes += if is_manifest { 0 } else { entry.size_bytes };
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_complete_when_its_manifest_is_there() {
        let (project, name) = ("lab".parse().unwrap(), "data.csv".parse().unwrap());
        let prefix =
            |bits| object_key::upload_version_prefix(&project, &name, UploadVersion::from_bits(bits));
        let entry = |key: String, size_bytes, at| ObjectEntry {
            key,
            size_bytes,
            modified_at: Timestamp(at),
            mark: String::new(),
        };
        let entries = [
            entry(object_key::upload_file(&prefix(1), &name), 100, 5),
            entry(object_key::upload_manifest(&prefix(1)), 80, 6),
            entry(object_key::upload_file(&prefix(2), &name), 7, 9),
            entry("lab/uploads/stray".to_owned(), 1, 1),
            entry("lab/uploads/data.csv/not-a-version/x".to_owned(), 1, 1),
        ];
        let stored = read(&project, &entries);
        let seen: Vec<_> = stored
            .iter()
            .map(|stored| (stored.size_bytes, stored.is_complete(), stored.stored_at.0))
            .collect();
        assert_eq!(seen, [(100, true, 6), (7, false, 9)]);
        assert!(stored[1].is_older_than(10, Timestamp(20)) && !stored[1].is_older_than(10, Timestamp(19)));
    }
}
