//! Putting a backup in place: everything is proven before anything is written, and the records, without which nothing
//! else is looked at, change last and in one step.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use emboflow_model::{LogEntry, RunId, Timestamp, epoch};
use emboflow_objects::{Backend, BodyError, Chunks, ObjectStore, Put, open_backend};
use emboflow_records::{
    Cursor, Former, Item, Records, SharedRecords, Staged, TaskFilter, copy_entries, rebuild, stage,
};
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::apart;
use crate::contents::{SIDE_BY_SIDE, short};
use crate::create::now;
use crate::error::BackupError;
use crate::files;
use crate::in_use;
use crate::manifest::{IndexLine, Manifest, ShardPart};
use crate::part::{PartReader, object_key};
use crate::proof::Proof;
use crate::repository::{Repository, each_object, page_of};
use crate::verify::{Depth, Proofs, Verified, content_part, verify};

const STALL: Duration = Duration::from_secs(120);
/// Entries and items that are written at once.
const BATCH: usize = 500;
const TASKS: u32 = 1_000;

/// Where a backup is restored to.
pub struct Target {
    /// The records; no service may have them open.
    pub records: emboflow_records::Config,
    /// The objects; no gateway may have them open.
    pub objects: Backend,
    /// Files go below this folder with their whole paths, instead of where they were.
    pub files_below: Option<PathBuf>,
    /// What is there gives way: records and files are set aside, objects that the backup does not have are removed.
    pub replace: bool,
}

/// What a restore came to.
#[derive(Debug)]
pub struct Restored {
    /// What was proven before.
    pub verified: Verified,
    /// Where the records of before are.
    pub former: Former,
    /// The place in the log after which decisions go on.
    pub continues_after: u64,
    /// Objects that were written; others were there already.
    pub objects_written: u64,
    /// Objects that were removed because the backup does not have them.
    pub objects_removed: u64,
    /// Files that were written.
    pub files: usize,
}

/// The kept document about a restore.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RestoreNote {
    /// Which backup.
    pub backup: String,
    /// The moment that it is of.
    pub backup_of: Timestamp,
    /// When it was put in place.
    pub at: Timestamp,
    /// Last place of the log that came back.
    pub through_seq: u64,
    /// Place after which decisions go on: the beginning of a new epoch.
    pub continues_after: u64,
}

impl RestoreNote {
    /// Kind of the kept documents; their scope is empty, their name that of the backup and the time.
    pub const KIND: &str = "restore";
}

/// Restores a backup. After an error the records and files are what they were; objects may have been added, which the
/// same command finds when it is given again.
pub async fn restore(
    repository: &Repository,
    manifest: &Manifest,
    target: &Target,
) -> Result<Restored, BackupError> {
    apart::check(&target.objects, &repository.backend)?;
    let known = emboflow_records::schema(&target.records).await;
    let known = known.map_err(BackupError::records("looking at the records"))?.known;
    if manifest.schema > known {
        let (file, found) = (Manifest::file(&manifest.id), manifest.schema);
        return Err(BackupError::Newer { file, what: "records of schema version", found, known });
    }
    in_use::refuse_while_in_use(&target.records).await?;
    let objects = open_objects(&target.objects)?;
    let prepared = files::prepare(manifest, repository, target.files_below.as_deref()).await?;
    if !target.replace {
        refuse_what_is_there(target, &objects, &prepared).await?;
    }
    let verified = verify(repository, manifest, Depth::Deep).await?;
    let staged =
        stage(&target.records).await.map_err(BackupError::records("making records beside those in use"))?;
    let filled = fill(repository, manifest, staged.records()).await;
    let continues_after = match filled {
        Ok(place) => place,
        Err(error) => return Err(give_up(staged, error).await),
    };
    let objects_written = match write_objects(repository, manifest, &objects).await {
        Ok(written) => written,
        Err(error) => return Err(give_up(staged, error).await),
    };
    // All that can fail for a reason of the machine comes before the switch; after it there are only renames.
    let files = match prepared.stage(&manifest.id, now()) {
        Ok(files) => files,
        Err(error) => return Err(give_up(staged, error).await),
    };
    let former = match staged.put_in_place().await {
        Ok(former) => former,
        Err(error) => {
            files.give_up();
            return Err(BackupError::records("putting the records in place")(error));
        }
    };
    files.put_in_place()?;
    let objects_removed =
        if target.replace { remove_others(repository, manifest, &objects).await? } else { 0 };
    let files = manifest.files.len();
    Ok(Restored { verified, former, continues_after, objects_written, objects_removed, files })
}

fn open_objects(backend: &Backend) -> Result<Arc<dyn ObjectStore>, BackupError> {
    open_backend(backend, STALL).map_err(|error| {
        let text = format!("{error:#}");
        if text.contains("another gateway") {
            return BackupError::Busy(format!("{text}: stop the services first"));
        }
        BackupError::unavailable("opening the objects", text)
    })
}

async fn refuse_what_is_there(
    target: &Target,
    objects: &Arc<dyn ObjectStore>,
    files: &files::Prepared,
) -> Result<(), BackupError> {
    if records_hold_anything(&target.records).await? {
        return Err(BackupError::Target("the records hold runs or documents".to_owned()));
    }
    let mut first = None;
    each_object(objects, "", |entry| {
        first.get_or_insert(entry.key);
        Ok(())
    })
    .await?;
    if let Some(key) = first.filter(|key| !key.starts_with(".emboflow/")) {
        return Err(BackupError::Target(format!("the object storage holds objects, such as `{key}`")));
    }
    if let Some(path) = files.others().first() {
        let text = format!("{} is there and has another content", path.display());
        return Err(BackupError::Target(text));
    }
    Ok(())
}

async fn records_hold_anything(config: &emboflow_records::Config) -> Result<bool, BackupError> {
    let failed = BackupError::records("looking at the records");
    if emboflow_records::schema(config).await.map_err(&failed)?.found.is_none() {
        return Ok(false);
    }
    let records = emboflow_records::open(config).await.map_err(&failed)?;
    records.holds_anything().await.map_err(&failed)
}

async fn give_up(staged: Staged, error: BackupError) -> BackupError {
    if let Err(left) = staged.give_up().await {
        tracing::warn!(%left, "the records that were being restored could not be removed");
    }
    error
}

/// Fills empty records, rebuilds the documents, and compares each run with what it was.
async fn fill(
    repository: &Repository,
    manifest: &Manifest,
    records: &SharedRecords,
) -> Result<u64, BackupError> {
    let failed = BackupError::records("writing the restored records");
    let mut continues_after = 0;
    write_items(repository, manifest, records).await?;
    for shard in &manifest.shards {
        write_log(repository, manifest, shard, records).await?;
        let restored = epoch::restored_after(shard.through_seq);
        records.put_cursor(shard.shard, Cursor::Effects, shard.effects_seq).await.map_err(&failed)?;
        rebuild(&**records, shard.shard).await.map_err(&failed)?;
        // Every place up to here counts as taken: whatever was decided after the backup is of an earlier epoch.
        records.put_cursor(shard.shard, Cursor::Removed, restored).await.map_err(&failed)?;
        continues_after = restored;
        let note = RestoreNote {
            backup: manifest.id.clone(),
            backup_of: manifest.created_at,
            at: now(),
            through_seq: shard.through_seq,
            continues_after: restored,
        };
        let name = format!("{}@{}", manifest.id, note.at.0);
        let body = serde_json::to_string(&note)
            .map_err(|error| BackupError::unavailable("writing the note of the restore", error))?;
        records.keep(RestoreNote::KIND, "", &name, None, body).await.map_err(&failed)?;
    }
    let mut proofs = Proofs::of(repository, manifest).await?;
    while let Some(noted) = proofs.next().await? {
        let found = proof_of(&**records, noted.run).await.map_err(&failed)?;
        if found.as_ref() != Some(&noted) {
            let detail = format!("{} was rebuilt as {found:?}, noted is {noted:?}", noted.run);
            return Err(BackupError::damaged(&manifest.proof.file, detail));
        }
    }
    Ok(continues_after)
}

/// What a run is by its documents.
async fn proof_of(
    records: &dyn Records,
    run: RunId,
) -> Result<Option<Proof>, emboflow_records::RecordsError> {
    let Some(summary) = records.run(run).await? else { return Ok(None) };
    let mut tasks = Vec::new();
    loop {
        let after_position = tasks.last().map(|task: &emboflow_model::Task| task.position);
        let filter = TaskFilter { after_position, limit: TASKS, ..TaskFilter::default() };
        let page = records.tasks(run, filter).await?;
        if page.is_empty() {
            return Ok(Some(Proof::of(&summary, tasks.iter())));
        }
        tasks.extend(page);
    }
}

async fn write_items(
    repository: &Repository,
    manifest: &Manifest,
    records: &SharedRecords,
) -> Result<(), BackupError> {
    let failed = BackupError::records("writing the restored documents");
    let mut items = repository.read_lines(&manifest.items).await?;
    let mut batch = Vec::with_capacity(BATCH);
    while let Some(item) = items.next::<Item>().await? {
        batch.push(item);
        if batch.len() == BATCH {
            records.import(std::mem::take(&mut batch)).await.map_err(&failed)?;
        }
    }
    records.import(batch).await.map_err(&failed)
}

async fn write_log(
    repository: &Repository,
    manifest: &Manifest,
    shard: &ShardPart,
    records: &SharedRecords,
) -> Result<(), BackupError> {
    let is_removed = |entry: &LogEntry| match entry {
        LogEntry::Transition(transition) => manifest.removed.contains(&transition.run),
        LogEntry::Rejection(_) => false,
    };
    let mut log = repository.read_lines(&shard.log).await?;
    let mut batch = Vec::with_capacity(BATCH);
    while let Some(entry) = log.next::<LogEntry>().await? {
        if is_removed(&entry) {
            continue;
        }
        batch.push(entry);
        if batch.len() == BATCH {
            let entries = std::mem::take(&mut batch);
            copy_entries(&**records, shard.shard, entries).await.map_err(BackupError::append)?;
        }
    }
    copy_entries(&**records, shard.shard, batch).await.map_err(BackupError::append)
}

/// Writes the objects that are not there with the same content; gives their number.
async fn write_objects(
    repository: &Repository,
    manifest: &Manifest,
    objects: &Arc<dyn ObjectStore>,
) -> Result<u64, BackupError> {
    let index = repository.read_lines(&manifest.index).await?;
    let lines = stream::try_unfold(index, async |mut index| {
        Ok::<_, BackupError>(index.next::<IndexLine>().await?.map(|line| (line, index)))
    });
    let writing = lines.map_ok(|line| write_object(repository, objects, line)).try_buffered(SIDE_BY_SIDE);
    writing.try_fold(0, async |sum, is_new| Ok(sum + u64::from(is_new))).await
}

async fn write_object(
    repository: &Repository,
    objects: &Arc<dyn ObjectStore>,
    line: IndexLine,
) -> Result<bool, BackupError> {
    let key = object_key(&line.key)?;
    let sha256 = line.sha256.parse().map_err(|error| BackupError::damaged("index", error))?;
    if let Ok(there) = objects.head(&key).await
        && there.size_bytes == line.size_bytes
        && there.sha256 == Some(sha256)
    {
        return Ok(false);
    }
    let part = content_part(&repository.key, &line);
    let reader = PartReader::open(&repository.store, &repository.key, &part).await?;
    let put = Put { key, size_bytes: Some(line.size_bytes), sha256: Some(sha256), only_if_absent: false };
    let stored = objects.put(put, &mut content(reader)).await;
    stored.map_err(|error| BackupError::unavailable(format!("writing the object {}", line.key), error))?;
    Ok(true)
}

fn content(reader: PartReader) -> Chunks {
    let pieces = stream::try_unfold(reader, async |mut reader| {
        let piece = reader.next().await.map_err(|error| BodyError::Aborted { reason: error.to_string() })?;
        Ok(piece.map(|piece| (piece, reader)))
    });
    pieces.boxed()
}

/// What was written after the backup belongs to runs that are no longer known.
async fn remove_others(
    repository: &Repository,
    manifest: &Manifest,
    objects: &Arc<dyn ObjectStore>,
) -> Result<u64, BackupError> {
    let mut index = repository.read_lines(&manifest.index).await?;
    let mut known = HashSet::new();
    while let Some(line) = index.next::<IndexLine>().await? {
        known.insert(short(&line.key));
    }
    let (mut removed, mut after) = (0, Some(String::new()));
    while let Some(from) = after {
        let page = page_of(objects, "", from).await?;
        for entry in page.items.iter().filter(|entry| !known.contains(&short(&entry.key))) {
            objects.delete(&object_key(&entry.key)?).await.map_err(|error| {
                BackupError::unavailable(format!("removing the object {}", entry.key), error)
            })?;
            removed += 1;
        }
        after = page.next;
    }
    Ok(removed)
}
