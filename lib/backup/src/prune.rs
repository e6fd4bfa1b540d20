//! Removing backups that are no longer kept, and contents that no backup has any more.

use std::collections::HashSet;
use std::time::Duration;

use crate::create::now;
use crate::error::BackupError;
use crate::manifest::{IndexLine, Manifest};
use crate::repository::{Listed, Repository};
use crate::retention::{Keep, kept};

/// What is unfinished or unused for less than this may belong to a backup that is being taken.
pub const GRACE: Duration = Duration::from_secs(24 * 60 * 60);

/// Contents that are removed between two looks at whether somebody takes a backup.
const REMOVED_A_LOOK: usize = 100;

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Backups, by name.
    pub backups: Vec<String>,
    /// Backups that had been cut off.
    pub cut_off: Vec<String>,
    /// Contents that no backup has any more.
    pub contents: u64,
    /// Bytes of them.
    pub content_bytes: u64,
}

/// Removes what the rules do not keep. `grace`: see [`GRACE`]. Errors: a backup cannot be read, so that nobody knows
/// what it needs: nothing shared is removed then, nor while somebody else takes a backup.
pub async fn prune(repository: &Repository, keep: Keep, grace: Duration) -> Result<Pruned, BackupError> {
    let listed = repository.list().await?;
    let whole: Vec<_> = listed.iter().filter_map(whole_of).map(|m| (m.id.clone(), m.created_at)).collect();
    let kept = kept(&whole, keep);
    let mut pruned = Pruned::default();
    for (id, _) in whole.iter().filter(|(id, _)| !kept.contains(id)) {
        remove(repository, id).await?;
        pruned.backups.push(id.clone());
    }
    for id in listed.iter().filter(|one| matches!(one, Listed::CutOff { .. })).map(Listed::id) {
        let files = repository.files_of(id).await?;
        if files.iter().all(|file| is_older(file.modified_at.0, grace)) {
            remove(repository, id).await?;
            pruned.cut_off.push(id.to_owned());
        }
    }
    let mut used = HashSet::new();
    for one in listed {
        match one {
            Listed::Whole(manifest) if kept.contains(&manifest.id) => {
                add_contents(repository, &manifest, &mut used).await?;
            }
            Listed::Whole(_) | Listed::CutOff { .. } => {}
            Listed::Unreadable { error, .. } => return Err(error),
        }
    }
    remove_contents(repository, &kept, &used, grace, &mut pruned).await?;
    Ok(pruned)
}

/// Stops as soon as there is a backup that is not one of the kept: somebody takes it, and may count on any content.
async fn remove_contents(
    repository: &Repository,
    kept: &HashSet<String>,
    used: &HashSet<String>,
    grace: Duration,
    pruned: &mut Pruned,
) -> Result<(), BackupError> {
    let mut unused = repository.content_entries().await?;
    unused.retain(|entry| !used.contains(&entry.key) && is_older(entry.modified_at.0, grace));
    for some in unused.chunks(REMOVED_A_LOOK) {
        if let Some(other) = repository.ids().await?.into_iter().find(|id| !kept.contains(id)) {
            tracing::info!(backup = other, "it may be under way: contents are removed another time");
            return Ok(());
        }
        for entry in some {
            repository.delete(&entry.key).await?;
            pruned.contents += 1;
            pruned.content_bytes += entry.size_bytes;
        }
    }
    Ok(())
}

fn whole_of(listed: &Listed) -> Option<&Manifest> {
    match listed {
        Listed::Whole(manifest) => Some(manifest),
        _ => None,
    }
}

fn is_older(at_ms: i64, grace: Duration) -> bool {
    let age_ms = now().0.saturating_sub(at_ms);
    u128::try_from(age_ms).unwrap_or(0) >= grace.as_millis()
}

/// The manifest first: what is half removed is never listed as whole.
async fn remove(repository: &Repository, id: &str) -> Result<(), BackupError> {
    let manifest = Manifest::file(id);
    repository.delete(&manifest).await?;
    for file in repository.files_of(id).await? {
        repository.delete(&file.key).await?;
    }
    Ok(())
}

async fn add_contents(
    repository: &Repository,
    manifest: &Manifest,
    used: &mut HashSet<String>,
) -> Result<(), BackupError> {
    let mut index = repository.read_lines(&manifest.index).await?;
    while let Some(line) = index.next::<IndexLine>().await? {
        used.insert(repository.key.content_name(&line.sha256, line.size_bytes));
    }
    Ok(())
}
