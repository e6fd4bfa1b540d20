//! Contents of objects: copied once, however many backups and objects have them.

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use emboflow_objects::{Digest, ObjectStore, StoreError};
use emboflow_protocol::object::ObjectEntry;
use futures::{StreamExt, TryStreamExt, stream};
use sha2::{Digest as _, Sha256};

use crate::create::Source;
use crate::error::BackupError;
use crate::key::hex;
use crate::manifest::{IndexLine, Manifest, ObjectSums, Part};
use crate::part::object_key;
use crate::proof::Expected;
use crate::repository::{Repository, page_of};
use crate::seal::sealed_bytes;

/// Objects that are copied side by side.
pub(crate) const SIDE_BY_SIDE: usize = 8;
/// The gateway's own objects; they are no one's.
const PROBES: &str = ".emboflow/";

/// What became of all objects.
pub(crate) struct Copied {
    pub(crate) index: Part,
    pub(crate) sums: ObjectSums,
    pub(crate) damaged: Vec<String>,
    /// Names of the contents that the index needs.
    pub(crate) used: HashSet<String>,
}

/// What became of one.
enum Outcome {
    Kept { line: IndexLine, is_new: bool },
    Gone,
    Damaged(String),
}

/// Copies what the place of the backups does not have yet, and writes the index of all objects.
pub(crate) async fn copy(
    source: &Source,
    repository: &Repository,
    id: &str,
    before: Option<&Manifest>,
    expected: &mut Expected,
) -> Result<Copied, BackupError> {
    let pool =
        Pool { repository, objects: &source.objects, present: Mutex::new(repository.contents().await?) };
    let known = Known::of(repository, before).await;
    let mut index = repository.lines(id, "index")?;
    let mut copied = Copied {
        index: Part::default(),
        sums: ObjectSums::default(),
        damaged: Vec::new(),
        used: HashSet::new(),
    };
    let objects = entries(&source.objects, known);
    let mut done = pin!(objects.map_ok(|(entry, known)| pool.keep(entry, known)).try_buffered(SIDE_BY_SIDE));
    while let Some(outcome) = done.try_next().await? {
        match outcome {
            Outcome::Gone => {}
            Outcome::Damaged(text) => copied.damaged.push(text),
            Outcome::Kept { line, is_new } => {
                expected.see_name(&line.key);
                copied.sums.count += 1;
                copied.sums.size_bytes += line.size_bytes;
                if is_new {
                    copied.sums.new_count += 1;
                    copied.sums.new_bytes += sealed_bytes(line.size_bytes);
                }
                copied.used.insert(repository.key.content_name(&line.sha256, line.size_bytes));
                index.line(&line).await?;
            }
        }
    }
    copied.index = index.finish().await?;
    check_presence(repository, &copied.used).await?;
    Ok(copied)
}

/// Everything that the index names is there. It may not be, where another command pruned meanwhile.
pub(crate) async fn check_presence(
    repository: &Repository,
    used: &HashSet<String>,
) -> Result<(), BackupError> {
    let present = repository.contents().await?;
    match used.iter().find(|name| !present.contains_key(*name)) {
        None => Ok(()),
        Some(name) => Err(BackupError::Busy(format!(
            "`{name}` was removed while the backup was taken: another command prunes the same place"
        ))),
    }
}

type Found = (ObjectEntry, Option<IndexLine>);

/// All objects in the order of the store, each with the line that the backup before has for it.
fn entries<'a>(
    objects: &'a Arc<dyn ObjectStore>,
    known: Known,
) -> impl futures::Stream<Item = Result<Found, BackupError>> + 'a {
    let pages = stream::try_unfold(
        (Some(String::new()), known),
        async move |(after, known): (Option<String>, Known)| {
            let Some(after) = after else { return Ok::<_, BackupError>(None) };
            let page = page_of(objects, "", after).await?;
            let mut found = Vec::with_capacity(page.items.len());
            for entry in page.items.into_iter().filter(|entry| !entry.key.starts_with(PROBES)) {
                let line = known.about(&entry);
                found.push(Ok((entry, line)));
            }
            Ok(Some((stream::iter(found), (page.next, known))))
        },
    );
    pages.try_flatten()
}

/// What the backup before knows of objects. Not every store lists in the byte order of the keys, so it is held in
/// memory, at about 100 bytes an object.
#[derive(Default)]
struct Known(HashMap<[u8; 16], KnownObject>);

struct KnownObject {
    size_bytes: u64,
    modified_ms: i64,
    sha256: [u8; 32],
}

impl Known {
    /// A damaged index of an earlier backup costs time and nothing else.
    async fn of(repository: &Repository, before: Option<&Manifest>) -> Self {
        let Some(before) = before else { return Self::default() };
        match Self::read(repository, before).await {
            Ok(known) => known,
            Err(error) => {
                tracing::warn!(%error, "the index of the backup before cannot be read: reading all objects");
                Self::default()
            }
        }
    }

    async fn read(repository: &Repository, before: &Manifest) -> Result<Self, BackupError> {
        let mut known = Self::default();
        let mut index = repository.read_lines(&before.index).await?;
        while let Some(line) = index.next::<IndexLine>().await? {
            let IndexLine { key, size_bytes, sha256, modified_ms } = line;
            if let Ok(Digest(sha256)) = sha256.parse() {
                known.0.insert(short(&key), KnownObject { size_bytes, modified_ms, sha256 });
            }
        }
        Ok(known)
    }

    fn about(&self, entry: &ObjectEntry) -> Option<IndexLine> {
        let known = self.0.get(&short(&entry.key))?;
        let same = known.size_bytes == entry.size_bytes && known.modified_ms == entry.modified_at.0;
        same.then(|| IndexLine {
            key: entry.key.clone(),
            size_bytes: known.size_bytes,
            sha256: hex(&known.sha256),
            modified_ms: known.modified_ms,
        })
    }
}

/// Tells keys apart in a fraction of their length.
pub(crate) fn short(key: &str) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(key.as_bytes()).into();
    std::array::from_fn(|at| digest[at])
}

struct Pool<'a> {
    repository: &'a Repository,
    objects: &'a Arc<dyn ObjectStore>,
    present: Mutex<HashMap<String, u64>>,
}

impl Pool<'_> {
    async fn keep(&self, entry: ObjectEntry, known: Option<IndexLine>) -> Result<Outcome, BackupError> {
        if let Some(line) = known.filter(|line| self.has(&line.sha256, line.size_bytes)) {
            return Ok(Outcome::Kept { line, is_new: false });
        }
        match self.copy(&entry).await {
            Ok((sha256, size_bytes, is_new)) => {
                let (key, modified_ms) = (entry.key, entry.modified_at.0);
                Ok(Outcome::Kept { line: IndexLine { key, size_bytes, sha256, modified_ms }, is_new })
            }
            Err(Trouble::Source(StoreError::NotFound { .. })) => Ok(Outcome::Gone),
            Err(Trouble::Source(StoreError::Damaged { key, detail })) => {
                Ok(Outcome::Damaged(format!("the object {key} is damaged: {detail}")))
            }
            Err(Trouble::Source(error)) => {
                Err(BackupError::unavailable(format!("reading the object {}", entry.key), error))
            }
            Err(Trouble::Backup(error)) => Err(error),
        }
    }

    fn has(&self, sha256: &str, size_bytes: u64) -> bool {
        let name = self.repository.key.content_name(sha256, size_bytes);
        let present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        present.get(&name) == Some(&sealed_bytes(size_bytes))
    }

    /// Where a content lies is told by its checksum: that has to be known before the first byte is sealed.
    async fn copy(&self, entry: &ObjectEntry) -> Result<(String, u64, bool), Trouble> {
        let key = object_key(&entry.key)?;
        let meta = self.objects.head(&key).await?;
        let (sha256, size_bytes) = match meta.sha256 {
            Some(sha256) => (sha256.to_string(), meta.size_bytes),
            None => self.read(&entry.key, async |_| Ok(())).await?,
        };
        if self.has(&sha256, size_bytes) {
            return Ok((sha256, size_bytes, false));
        }
        let name = self.repository.key.content_name(&sha256, size_bytes);
        let mut part = self.repository.part(&name)?;
        let found = self.read(&entry.key, async |piece| part.write(piece).await).await?;
        if found != (sha256.clone(), size_bytes) {
            let detail = "its content is not the one that was put there".to_owned();
            return Err(Trouble::Source(StoreError::Damaged { key: entry.key.clone(), detail }));
        }
        let sealed = part.finish().await?.sealed_bytes;
        // Where the same content was copied twice at once, it is new once.
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = present.insert(name, sealed).is_none();
        Ok((sha256, size_bytes, is_new))
    }

    async fn read(
        &self,
        key: &str,
        mut take: impl AsyncFnMut(&[u8]) -> Result<(), BackupError>,
    ) -> Result<(String, u64), Trouble> {
        let mut content = self.objects.get(&object_key(key)?, None).await?.content;
        let (mut hasher, mut size_bytes) = (Sha256::new(), 0);
        while let Some(piece) = content.next().await {
            let piece = piece
                .map_err(|error| StoreError::Damaged { key: key.to_owned(), detail: error.to_string() })?;
            hasher.update(&piece);
            size_bytes += piece.len() as u64;
            take(&piece).await?;
        }
        Ok((hex(&hasher.finalize()), size_bytes))
    }
}

/// On which side it failed.
enum Trouble {
    Source(StoreError),
    Backup(BackupError),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Source(error)
    }
}

impl From<BackupError> for Trouble {
    fn from(error: BackupError) -> Self {
        Self::Backup(error)
    }
}
