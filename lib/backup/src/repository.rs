//! The place of the backups: a directory or an S3 bucket with sealed files.
//!
//! `backups/<id>/…` are the files of one backup, of which the manifest is the last to be written and the first to be
//! removed; `objects/…` are contents that backups share.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use emboflow_objects::{
    Backend, KeyPrefix, ListQuery, ObjectStore, StoreError, open_backend, open_for_reading,
};
use emboflow_protocol::object::ObjectEntry;

use crate::error::BackupError;
use crate::key::BackupKey;
use crate::manifest::{Manifest, folder};
use crate::part::{LineReader, LineWriter, PartReader, PartWriter, object_key};

const STALL: Duration = Duration::from_secs(120);
const PAGE: usize = 1_000;
const BACKUPS: &str = "backups/";
const CONTENTS: &str = "objects/";

/// Backups in a place, and the key that opens them.
pub struct Repository {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) key: BackupKey,
    pub(crate) backend: Backend,
    place: String,
}

/// One line of the list.
#[derive(Debug)]
pub enum Listed {
    /// It is whole.
    Whole(Box<Manifest>),
    /// Its manifest cannot be read.
    Unreadable {
        /// Its name.
        id: String,
        /// Why.
        error: BackupError,
    },
    /// It was cut off: never to be restored.
    CutOff {
        /// Its name.
        id: String,
    },
}

impl Listed {
    /// Its name.
    pub fn id(&self) -> &str {
        match self {
            Self::Whole(manifest) => &manifest.id,
            Self::Unreadable { id, .. } | Self::CutOff { id } => id,
        }
    }
}

impl Repository {
    /// Opens the place to add and remove backups. A directory belongs to one at a time.
    pub fn open(backend: &Backend, key: BackupKey) -> Result<Self, BackupError> {
        let place = place(backend);
        let store = open_backend(backend, STALL).map_err(|error| {
            let text = format!("{error:#}");
            // The lock's own words name a gateway: here it is another backup.
            if text.contains("holds") && text.contains("lock") {
                return BackupError::Busy(format!("another command writes to the backups in {place}"));
            }
            BackupError::unavailable(format!("opening {place}"), text)
        })?;
        Ok(Self { store, key, backend: backend.clone(), place })
    }

    /// Opens the place only to read it, whoever writes to it.
    pub fn open_for_reading(backend: &Backend, key: BackupKey) -> Result<Self, BackupError> {
        let place = place(backend);
        let store = open_for_reading(backend, STALL)
            .map_err(|error| BackupError::unavailable(format!("opening {place}"), format!("{error:#}")))?;
        Ok(Self { store, key, backend: backend.clone(), place })
    }

    /// Where it is, in words.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Everything that is there, oldest first.
    pub async fn list(&self) -> Result<Vec<Listed>, BackupError> {
        let mut found: BTreeMap<String, bool> = BTreeMap::new();
        self.each(BACKUPS, |entry| {
            if let Some((id, file)) = entry.key[BACKUPS.len()..].split_once('/') {
                *found.entry(id.to_owned()).or_default() |= file == "manifest";
            }
        })
        .await?;
        let mut listed = Vec::new();
        for (id, is_whole) in found {
            if !is_whole {
                listed.push(Listed::CutOff { id });
                continue;
            }
            listed.push(match self.manifest(&id).await {
                Ok(manifest) => Listed::Whole(Box::new(manifest)),
                Err(error @ BackupError::Unavailable { .. }) => return Err(error),
                Err(error) => Listed::Unreadable { id, error },
            });
        }
        Ok(listed)
    }

    /// Names of all that is there, also of what is being written.
    pub(crate) async fn ids(&self) -> Result<BTreeSet<String>, BackupError> {
        let mut found = BTreeSet::new();
        self.each(BACKUPS, |entry| {
            if let Some((id, _)) = entry.key[BACKUPS.len()..].split_once('/') {
                found.insert(id.to_owned());
            }
        })
        .await?;
        Ok(found)
    }

    /// A whole backup by its name; the newest by the name `latest`.
    pub async fn find(&self, id: &str) -> Result<Manifest, BackupError> {
        if id != "latest" {
            return self.manifest(id).await;
        }
        let newest = self.list().await?.into_iter().rev().find_map(|listed| match listed {
            Listed::Whole(manifest) => Some(Ok(*manifest)),
            // An older one in its place would be a surprise.
            Listed::Unreadable { error, .. } => Some(Err(error)),
            Listed::CutOff { .. } => None,
        });
        newest.unwrap_or_else(|| Err(self.not_found(id)))
    }

    async fn manifest(&self, id: &str) -> Result<Manifest, BackupError> {
        let file = Manifest::file(id);
        let key = object_key(&file).map_err(|_| self.not_found(id))?;
        match self.store.head(&key).await {
            Ok(_) => {}
            Err(StoreError::NotFound { .. }) => return Err(self.not_found(id)),
            Err(error) => return Err(BackupError::store(&file)(error)),
        }
        let content = PartReader::open_unknown(&self.store, &self.key, &file).await?.all().await?;
        Manifest::read(&file, &content)
    }

    fn not_found(&self, id: &str) -> BackupError {
        BackupError::NotFound { id: id.to_owned(), place: self.place.clone() }
    }

    pub(crate) async fn write_manifest(&self, manifest: &Manifest) -> Result<(), BackupError> {
        let mut part = self.part(&Manifest::file(&manifest.id))?;
        let content = serde_json::to_vec(manifest)
            .map_err(|error| BackupError::unavailable("writing the manifest", error))?;
        part.write(&content).await?;
        part.finish().await.map(drop)
    }

    pub(crate) fn part(&self, file: &str) -> Result<PartWriter, BackupError> {
        PartWriter::begin(&self.store, &self.key, file)
    }

    pub(crate) fn lines(&self, id: &str, name: &str) -> Result<LineWriter, BackupError> {
        Ok(LineWriter::new(self.part(&format!("{}{name}", folder(id)))?))
    }

    pub(crate) async fn read_lines(&self, part: &crate::manifest::Part) -> Result<LineReader, BackupError> {
        LineReader::open(&self.store, &self.key, part).await
    }

    /// Sealed sizes of all shared contents, by name.
    pub(crate) async fn contents(&self) -> Result<HashMap<String, u64>, BackupError> {
        let mut found = HashMap::new();
        self.each(CONTENTS, |entry| {
            found.insert(entry.key, entry.size_bytes);
        })
        .await?;
        Ok(found)
    }

    pub(crate) async fn content_entries(&self) -> Result<Vec<ObjectEntry>, BackupError> {
        let mut found = Vec::new();
        self.each(CONTENTS, |entry| found.push(entry)).await?;
        Ok(found)
    }

    pub(crate) async fn files_of(&self, id: &str) -> Result<Vec<ObjectEntry>, BackupError> {
        let mut found = Vec::new();
        self.each(&folder(id), |entry| found.push(entry)).await?;
        Ok(found)
    }

    pub(crate) async fn delete(&self, file: &str) -> Result<(), BackupError> {
        self.store.delete(&object_key(file)?).await.map_err(BackupError::store(file))
    }

    async fn each(&self, prefix: &str, mut take: impl FnMut(ObjectEntry)) -> Result<(), BackupError> {
        each_object(&self.store, prefix, |entry| {
            take(entry);
            Ok(())
        })
        .await
    }
}

/// Lists everything below a prefix.
pub(crate) async fn each_object(
    store: &Arc<dyn ObjectStore>,
    prefix: &str,
    mut take: impl FnMut(ObjectEntry) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    let mut after = Some(String::new());
    while let Some(from) = after {
        let page = page_of(store, prefix, from).await?;
        page.items.into_iter().try_for_each(&mut take)?;
        after = page.next;
    }
    Ok(())
}

pub(crate) async fn page_of(
    store: &Arc<dyn ObjectStore>,
    prefix: &str,
    after: String,
) -> Result<emboflow_protocol::object::ObjectPage, BackupError> {
    let listing = |error: &dyn std::fmt::Display| BackupError::unavailable("listing objects", error);
    let prefix = KeyPrefix::parse(prefix).map_err(|error| listing(&error))?;
    store.list(ListQuery { prefix, after, limit: PAGE }).await.map_err(|error| listing(&error))
}

fn place(backend: &Backend) -> String {
    match backend {
        Backend::Directory(settings) => settings.root.display().to_string(),
        Backend::S3(settings) => format!("bucket {}", settings.bucket),
    }
}
