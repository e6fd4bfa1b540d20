//! Looking at a backup: that every file is there with its size, and, on demand, every byte of it.

use std::sync::Arc;

use emboflow_model::LogEntry;
use emboflow_objects::ObjectStore;
use emboflow_records::Item;
use futures::{StreamExt, TryStreamExt, stream};

use crate::contents::SIDE_BY_SIDE;
use crate::error::BackupError;
use crate::key::BackupKey;
use crate::manifest::{IndexLine, Manifest, Part};
use crate::part::{PartReader, object_key};
use crate::proof::{Expected, Folding, Proof};
use crate::repository::Repository;
use crate::seal::sealed_bytes;

/// How closely a backup is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Its own files are opened, and those that it shares are there with their sizes.
    Shallow,
    /// Every byte is read; the log is folded, and every run, log and artifact compared with what was noted.
    Deep,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Entries of the log that fold.
    pub entries: u64,
    /// Runs that are what was noted.
    pub runs: u64,
    /// Objects whose content is there.
    pub objects: u64,
    /// Bytes of them that were read.
    pub read_bytes: u64,
}

/// Proves a backup. Errors: the first thing that is wrong with it.
pub async fn verify(
    repository: &Repository,
    manifest: &Manifest,
    depth: Depth,
) -> Result<Verified, BackupError> {
    let mut verified = Verified::default();
    for part in manifest.parts() {
        check_size(&repository.store, part).await?;
    }
    let mut expected = fold(repository, manifest, &mut verified).await?;
    let mut items = repository.read_lines(&manifest.items).await?;
    while items.next::<Item>().await?.is_some() {}
    for file in &manifest.files {
        PartReader::open(&repository.store, &repository.key, &file.part).await?.all().await?;
    }
    match depth {
        Depth::Shallow => look_for_contents(repository, manifest, &mut verified).await?,
        Depth::Deep => read_contents(repository, manifest, &mut expected, &mut verified).await?,
    }
    Ok(verified)
}

async fn check_size(store: &Arc<dyn ObjectStore>, part: &Part) -> Result<(), BackupError> {
    let meta = store.head(&object_key(&part.file)?).await.map_err(BackupError::store(&part.file))?;
    if meta.size_bytes == part.sealed_bytes {
        return Ok(());
    }
    let detail = format!("it has {} bytes instead of {}", meta.size_bytes, part.sealed_bytes);
    Err(BackupError::damaged(&part.file, detail))
}

/// Folds the log again: each run must be what it was when the backup was taken.
async fn fold(
    repository: &Repository,
    manifest: &Manifest,
    verified: &mut Verified,
) -> Result<Expected, BackupError> {
    let mut folding = Folding::default();
    folding.partial.extend(&manifest.removed);
    let mut proofs = Proofs::of(repository, manifest).await?;
    for shard in &manifest.shards {
        let mut log = repository.read_lines(&shard.log).await?;
        let mut entries = 0;
        while let Some(entry) = log.next::<LogEntry>().await? {
            entries += 1;
            if let Some(proof) = folding.take(&entry) {
                proofs.compare(&proof).await?;
            }
        }
        if entries != shard.entries {
            let detail = format!("it has {entries} entries, noted are {}", shard.entries);
            return Err(BackupError::damaged(&shard.log.file, detail));
        }
        verified.entries += entries;
    }
    for proof in folding.rest() {
        proofs.compare(&proof).await?;
    }
    proofs.at_end().await?;
    verified.runs = folding.runs;
    Ok(folding.expected)
}

/// The noted proofs, without those of runs that are not restored.
pub(crate) struct Proofs<'a> {
    manifest: &'a Manifest,
    lines: crate::part::LineReader,
}

impl<'a> Proofs<'a> {
    pub(crate) async fn of(repository: &Repository, manifest: &'a Manifest) -> Result<Self, BackupError> {
        Ok(Self { manifest, lines: repository.read_lines(&manifest.proof).await? })
    }

    pub(crate) async fn next(&mut self) -> Result<Option<Proof>, BackupError> {
        while let Some(proof) = self.lines.next::<Proof>().await? {
            if !self.manifest.removed.contains(&proof.run) {
                return Ok(Some(proof));
            }
        }
        Ok(None)
    }

    async fn compare(&mut self, found: &Proof) -> Result<(), BackupError> {
        match self.next().await? {
            Some(noted) if noted == *found => Ok(()),
            noted => Err(BackupError::damaged(
                &self.manifest.proof.file,
                format!("{} folds to {found:?}, noted is {noted:?}", found.run),
            )),
        }
    }

    async fn at_end(&mut self) -> Result<(), BackupError> {
        match self.next().await? {
            None => Ok(()),
            Some(noted) => Err(BackupError::damaged(
                &self.manifest.proof.file,
                format!("{} is noted and not in the log", noted.run),
            )),
        }
    }
}

async fn look_for_contents(
    repository: &Repository,
    manifest: &Manifest,
    verified: &mut Verified,
) -> Result<(), BackupError> {
    let present = repository.contents().await?;
    let mut index = repository.read_lines(&manifest.index).await?;
    while let Some(line) = index.next::<IndexLine>().await? {
        let name = repository.key.content_name(&line.sha256, line.size_bytes);
        match present.get(&name) {
            Some(size) if *size == sealed_bytes(line.size_bytes) => verified.objects += 1,
            Some(size) => {
                let wanted = sealed_bytes(line.size_bytes);
                let detail =
                    format!("it has {size} bytes instead of {wanted}; it is the object {}", line.key);
                return Err(BackupError::damaged(name, detail));
            }
            None => {
                return Err(BackupError::damaged(
                    name,
                    format!("it is missing; it is the object {}", line.key),
                ));
            }
        }
    }
    check_count(manifest, verified)
}

async fn read_contents(
    repository: &Repository,
    manifest: &Manifest,
    expected: &mut Expected,
    verified: &mut Verified,
) -> Result<(), BackupError> {
    let index = repository.read_lines(&manifest.index).await?;
    let lines = stream::try_unfold(index, async |mut index| {
        Ok::<_, BackupError>(index.next::<IndexLine>().await?.map(|line| (line, index)))
    });
    let mut wrong = Vec::new();
    {
        // Only chunks of logs are held, and they are small.
        let wanted = std::sync::Mutex::new(&mut *expected);
        let mut read = lines
            .map_ok(|line| {
                let wants =
                    wanted.lock().unwrap_or_else(std::sync::PoisonError::into_inner).wants_content(&line.key);
                read_content(&repository.store, &repository.key, line, wants)
            })
            .try_buffered(SIDE_BY_SIDE)
            .boxed();
        while let Some((line, content)) = read.try_next().await? {
            verified.objects += 1;
            verified.read_bytes += line.size_bytes;
            let mut expected = wanted.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            wrong.extend(expected.see(&line.key, &line.sha256, content.as_deref()));
        }
    }
    let missing = std::mem::take(expected).missing().into_iter().map(|(_, text)| text);
    // What the installation had lost already is no damage of the backup; it was told when the backup was taken.
    let known = |text: &String| manifest.damaged.iter().any(|known| known == text);
    match wrong.into_iter().chain(missing).find(|text| !known(text)) {
        None => check_count(manifest, verified),
        Some(text) => Err(BackupError::damaged(&manifest.index.file, text)),
    }
}

async fn read_content(
    store: &Arc<dyn ObjectStore>,
    key: &BackupKey,
    line: IndexLine,
    wants_content: bool,
) -> Result<(IndexLine, Option<Vec<u8>>), BackupError> {
    let mut reader = PartReader::open(store, key, &content_part(key, &line)).await?;
    let mut content = wants_content.then(Vec::new);
    while let Some(piece) = reader.next().await? {
        if let Some(content) = &mut content {
            content.extend_from_slice(&piece);
        }
    }
    Ok((line, content))
}

/// Where the content of an object lies.
pub(crate) fn content_part(key: &BackupKey, line: &IndexLine) -> Part {
    Part {
        file: key.content_name(&line.sha256, line.size_bytes),
        size_bytes: line.size_bytes,
        sha256: line.sha256.clone(),
        sealed_bytes: sealed_bytes(line.size_bytes),
    }
}

fn check_count(manifest: &Manifest, verified: &Verified) -> Result<(), BackupError> {
    if verified.objects == manifest.objects.count {
        return Ok(());
    }
    let detail = format!("it names {} objects, noted are {}", verified.objects, manifest.objects.count);
    Err(BackupError::damaged(&manifest.index.file, detail))
}
