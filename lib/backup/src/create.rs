//! Taking a backup beside running services: records first, up to a place of the log; then the objects, which are never
//! changed and therefore hold everything that those records speak of.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use emboflow_model::hold::Hold;
use emboflow_model::{RunId, Timestamp};
use emboflow_objects::ObjectStore;
use emboflow_records::{Cursor, Item, RecordsError, Section, SharedRecords};

use crate::contents;
use crate::error::BackupError;
use crate::files;
use crate::manifest::{FORMAT, Manifest, Part, ShardPart, folder, new_id};
use crate::proof::Folding;
use crate::repository::{Listed, Repository};

/// Entries and items read at once.
const PAGE: u32 = 1_000;
/// The one shard there is.
const SHARD: u32 = 0;

/// What is backed up.
pub struct Source {
    /// The records.
    pub records: SharedRecords,
    /// Their schema version.
    pub schema: u32,
    /// The objects.
    pub objects: Arc<dyn ObjectStore>,
    /// Files, and folders with files, that belong to the installation.
    pub files: Vec<PathBuf>,
    /// Files below it are kept by their paths in it, so that they can be restored elsewhere.
    pub base: Option<PathBuf>,
}

/// Takes a backup; it is in the list when this returns, and not before.
///
/// # Errors
/// Whatever does not answer or has no room. Nothing of the backup is listed then.
pub async fn create(source: &Source, repository: &Repository) -> Result<Manifest, BackupError> {
    let created_at = now();
    let id = new_id(created_at);
    let records = &source.records;
    // From here on no object of a run is removed: first the records, then what they speak of.
    let version = hold(records, &id, created_at).await?;
    let made = take(source, repository, &id, created_at).await;
    if let Err(error) = records.drop_kept(Hold::KIND, "", &id, version).await {
        tracing::warn!(%error, "the hold on removals could not be dropped; it ends by itself");
    }
    made
}

async fn hold(records: &SharedRecords, id: &str, at: Timestamp) -> Result<u64, BackupError> {
    let failed = BackupError::records("holding removals back");
    drop_what_is_over(records, at).await.map_err(&failed)?;
    let body = Hold::until(at.plus_ms(Hold::LONGEST_MS)).to_json();
    let kept = records.keep(Hold::KIND, "", id, None, body).await.map_err(failed)?;
    kept.ok_or_else(|| BackupError::Busy(format!("a backup with the name {id} is being taken")))
}

/// Backups that were killed have left their holds, and whoever wants to remove something looks only at the first ones.
async fn drop_what_is_over(records: &SharedRecords, at: Timestamp) -> Result<(), RecordsError> {
    loop {
        let mut holds = records.kept_page(Hold::KIND, Some(""), None, PAGE).await?;
        holds.retain(|hold| !Hold::is_any_in_force([&*hold.body], at));
        if holds.is_empty() {
            return Ok(());
        }
        for over in holds {
            // Another backup may drop it as well.
            records.drop_kept(Hold::KIND, "", &over.name, over.version).await?;
        }
    }
}

async fn take(
    source: &Source,
    repository: &Repository,
    id: &str,
    created_at: Timestamp,
) -> Result<Manifest, BackupError> {
    let began = Instant::now();
    let before = newest(repository).await?;
    let mut folding = Folding::default();
    let mut removed = noted(&source.records).await?;
    folding.partial.extend(&removed);
    let (shard, proof) = read_log(source, repository, id, &mut folding).await?;
    let items = read_items(source, repository, id).await?;
    let files = files::take(source, repository, id).await?;
    let copied = contents::copy(source, repository, id, before.as_ref(), &mut folding.expected).await?;
    // Runs that have been removed since, although removals are held back: theirs had begun before.
    removed.extend(noted(&source.records).await?);
    let mut damaged = copied.damaged;
    for run in &folding.partial {
        if !removed.contains(run) && still_there(&source.records, *run).await? {
            damaged.push(format!("the history of {run} does not fold"));
        }
        removed.insert(*run);
    }
    for (run, text) in std::mem::take(&mut folding.expected).missing() {
        match run {
            Some(run) if removed.contains(&run) => {}
            Some(run) if !still_there(&source.records, run).await? => drop(removed.insert(run)),
            _ => damaged.push(text),
        }
    }
    let mut removed: Vec<RunId> = removed.into_iter().collect();
    removed.sort();
    let manifest = Manifest {
        format: FORMAT,
        id: id.to_owned(),
        created_at,
        took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        emboflow: env!("CARGO_PKG_VERSION").to_owned(),
        backend: source.records.backend().to_owned(),
        schema: source.schema,
        shards: vec![shard],
        items,
        proof,
        index: copied.index,
        files,
        objects: copied.sums,
        runs: folding.runs,
        removed,
        damaged,
    };
    repository.write_manifest(&manifest).await?;
    // Whoever prunes has seen it from here on; what was removed before has to be noticed now.
    if let Err(error) = contents::check_presence(repository, &copied.used).await {
        repository.delete(&Manifest::file(id)).await?;
        return Err(error);
    }
    Ok(manifest)
}

/// The newest backup that can be read: what it has need not be read again.
async fn newest(repository: &Repository) -> Result<Option<Manifest>, BackupError> {
    let listed = repository.list().await?;
    Ok(listed.into_iter().rev().find_map(|listed| match listed {
        Listed::Whole(manifest) => Some(*manifest),
        _ => None,
    }))
}

async fn noted(records: &SharedRecords) -> Result<HashSet<RunId>, BackupError> {
    let failed = BackupError::records("reading the notes of removals");
    let notes = records.removals(SHARD, u32::MAX).await.map_err(failed)?;
    Ok(notes.into_iter().map(|note| note.run).collect())
}

async fn still_there(records: &SharedRecords, run: RunId) -> Result<bool, BackupError> {
    let failed = BackupError::records("looking at a run");
    let history = records.history(run, 0, 1).await.map_err(failed)?;
    Ok(history.first().is_some_and(|first| first.number == 1))
}

async fn read_log(
    source: &Source,
    repository: &Repository,
    id: &str,
    folding: &mut Folding,
) -> Result<(ShardPart, Part), BackupError> {
    let failed = BackupError::records("reading the decision log");
    let records = &source.records;
    // Before the end of the log: what is told twice is known, what is never told is lost.
    let effects_seq = records.cursor(SHARD, Cursor::Effects).await.map_err(&failed)?;
    let through_seq = records.last_seq(SHARD).await.map_err(&failed)?;
    let mut log = repository.lines(id, "log-0")?;
    let mut proofs = repository.lines(id, "proof")?;
    let (mut after, mut entries) = (0, 0);
    'log: loop {
        let page = records.log_after(SHARD, after, PAGE).await.map_err(&failed)?;
        let Some(last) = page.last() else { break };
        after = last.seq();
        for entry in &page {
            if entry.seq() > through_seq {
                break 'log;
            }
            entries += 1;
            log.line(entry).await?;
            if let Some(proof) = folding.take(entry) {
                proofs.line(&proof).await?;
            }
        }
    }
    for proof in folding.rest() {
        proofs.line(&proof).await?;
    }
    let log = log.finish().await?;
    let shard = ShardPart { shard: SHARD, through_seq, entries, effects_seq, log };
    Ok((shard, proofs.finish().await?))
}

async fn read_items(source: &Source, repository: &Repository, id: &str) -> Result<Part, BackupError> {
    let mut items = repository.lines(id, "items")?;
    for section in Section::ALL {
        let mut after = None;
        loop {
            let page = source.records.export(section, after, PAGE).await;
            let page = page.map_err(BackupError::records("reading the documents"))?;
            for item in &page.items {
                // What holds removals back is over when the backup is.
                if !matches!(item, Item::Kept { kind, .. } if kind == Hold::KIND) {
                    items.line(item).await?;
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    items.finish().await
}

pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Where a file of the installation lies in the backup.
pub(crate) fn file_name(id: &str, number: usize) -> String {
    format!("{}files/{number:04}", folder(id))
}

/// A path as the manifest keeps it.
pub(crate) fn written(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
