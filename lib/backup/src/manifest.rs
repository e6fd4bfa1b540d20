//! What a backup says of itself. It is written last: a backup without it was cut off and is none.

use emboflow_model::{RunId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::BackupError;

/// Version of the manifest's form, and of what the parts hold.
pub(crate) const FORMAT: u32 = 1;

/// A whole backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the form.
    pub format: u32,
    /// Name of the backup; names sort by time.
    pub id: String,
    /// When it was begun: the moment that it is of.
    pub created_at: Timestamp,
    /// Milliseconds that it took.
    pub took_ms: u64,
    /// Version of the program that made it.
    pub emboflow: String,
    /// `sqlite` or `mongo`; it may be restored into either.
    pub backend: String,
    /// Schema version of the records.
    pub schema: u32,
    /// The shards' logs.
    pub shards: Vec<ShardPart>,
    /// Requests, workflows, settings, kept documents and audit.
    pub items: Part,
    /// What each run is when the log is folded.
    pub proof: Part,
    /// Every object with size and checksum.
    pub index: Part,
    /// Files of the installation: configuration and credentials.
    pub files: Vec<FilePart>,
    /// What the objects come to.
    pub objects: ObjectSums,
    /// Runs that the log knows in whole.
    pub runs: u64,
    /// Runs that were removed while the backup was taken: they are not restored.
    #[serde(default)]
    pub removed: Vec<RunId>,
    /// What the installation itself had lost or spoilt when the backup was taken.
    #[serde(default)]
    pub damaged: Vec<String>,
}

/// A file of a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Where it lies.
    pub file: String,
    /// Bytes of its content.
    pub size_bytes: u64,
    /// SHA-256 of its content, in hex.
    pub sha256: String,
    /// Bytes of the sealed file.
    pub sealed_bytes: u64,
}

/// A shard's log up to the moment of the backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardPart {
    /// The shard.
    pub shard: u32,
    /// Place of its last entry.
    pub through_seq: u64,
    /// Its entries; fewer than places where some have been removed.
    pub entries: u64,
    /// Effects up to here had been carried out.
    pub effects_seq: u64,
    /// The entries.
    pub log: Part,
}

/// A file of the installation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePart {
    /// Where it was.
    pub path: String,
    /// Its permissions.
    pub mode: u32,
    /// Its content.
    pub part: Part,
}

/// What the objects come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectSums {
    /// Number of objects.
    pub count: u64,
    /// Bytes of all of them.
    pub size_bytes: u64,
    /// Those that no earlier backup had.
    pub new_count: u64,
    /// Bytes of those.
    pub new_bytes: u64,
}

impl Manifest {
    /// Every sealed file of the backup itself, without the contents that it shares with others.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        let logs = self.shards.iter().map(|shard| &shard.log);
        logs.chain([&self.items, &self.proof, &self.index]).chain(self.files.iter().map(|file| &file.part))
    }

    /// Bytes that the backup added to the place of the backups.
    pub fn added_bytes(&self) -> u64 {
        self.parts().map(|part| part.sealed_bytes).sum::<u64>() + self.objects.new_bytes
    }

    pub(crate) fn file(id: &str) -> String {
        format!("{}manifest", folder(id))
    }

    /// Reads the content of a manifest's file.
    pub(crate) fn read(file: &str, content: &[u8]) -> Result<Self, BackupError> {
        #[derive(Deserialize)]
        struct Form {
            format: u32,
        }
        let unreadable = |error: serde_json::Error| BackupError::damaged(file, error);
        let Form { format } = serde_json::from_slice(content).map_err(unreadable)?;
        if format > FORMAT {
            return Err(BackupError::Newer {
                file: file.to_owned(),
                what: "format",
                found: format,
                known: FORMAT,
            });
        }
        serde_json::from_slice(content).map_err(unreadable)
    }
}

/// Where the files of a backup lie.
pub(crate) fn folder(id: &str) -> String {
    format!("backups/{id}/")
}

/// A name for a backup of this moment: readable, sorting by time, and not given twice.
pub(crate) fn new_id(at: Timestamp) -> String {
    let moment = at.to_string().replace(['-', ':', '.'], "").to_lowercase();
    format!("{moment}-{:04x}", rand::random::<u16>())
}

/// An object in the index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IndexLine {
    pub(crate) key: String,
    pub(crate) size_bytes: u64,
    pub(crate) sha256: String,
    /// When it was put: an object with the same key, size and time is the same.
    pub(crate) modified_ms: i64,
}
