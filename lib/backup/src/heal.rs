//! Shared contents that have rotted where they lie: they are found by reading, and set aside, so that the next backup
//! copies them again. As long as they lay there, every backup would name them and none could be restored.

use emboflow_objects::{Put, StoreError};
use emboflow_protocol::object::ObjectEntry;
use futures::{StreamExt, TryStreamExt, stream};

use crate::contents::SIDE_BY_SIDE;
use crate::error::BackupError;
use crate::part::{PartReader, object_key};
use crate::repository::Repository;

/// Parts of the pool of contents that are read in turn: at a backup each six hours all of it is read in a week.
pub const SLICES: u64 = 28;
/// Where damaged contents are kept for whoever wants to look at them.
const ASIDE: &str = "damaged/";

/// How much of the pool is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// Every content.
    All,
    /// One of [`SLICES`] parts, by its number; greater numbers begin again.
    Slice(u64),
}

/// What was read, and what was wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Healed {
    /// Contents that were read to their end, or to where they are damaged.
    pub read: u64,
    /// Names of those that were damaged, and are set aside.
    pub set_aside: Vec<String>,
}

/// Reads shared contents, and sets aside what is damaged. The repository has to be open for writing. Errors: the place
/// does not answer; what was set aside stays so.
pub async fn heal(repository: &Repository, share: Share) -> Result<Healed, BackupError> {
    let mut entries = repository.content_entries().await?;
    entries.retain(|entry| share.has(&entry.key));
    let mut healed = Healed { read: entries.len() as u64, set_aside: Vec::new() };
    let reading = entries.into_iter().map(|entry| async move {
        let damage = damage(repository, &entry.key).await?;
        Ok::<_, BackupError>(damage.map(|damage| (entry, damage)))
    });
    let mut read = stream::iter(reading).buffer_unordered(SIDE_BY_SIDE).boxed();
    while let Some(found) = read.try_next().await? {
        let Some((entry, damage)) = found else { continue };
        tracing::error!(content = entry.key, damage, "a content is damaged: setting it aside");
        set_aside(repository, &entry).await?;
        healed.set_aside.push(entry.key);
    }
    Ok(healed)
}

impl Share {
    fn has(self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Slice(number) => slice_of(name) == number % SLICES,
        }
    }
}

/// Names end in random hex digits.
fn slice_of(name: &str) -> u64 {
    let digits = name.rsplit('/').next().and_then(|last| last.get(..8));
    digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0) % SLICES
}

/// How a content is damaged. A connection that breaks looks the same, so that one reading is no proof.
async fn damage(repository: &Repository, name: &str) -> Result<Option<String>, BackupError> {
    if read(repository, name).await?.is_none() {
        return Ok(None);
    }
    match repository.store.head(&object_key(name)?).await {
        // Somebody pruned it meanwhile.
        Err(StoreError::NotFound { .. }) => Ok(None),
        _ => read(repository, name).await,
    }
}

async fn read(repository: &Repository, name: &str) -> Result<Option<String>, BackupError> {
    let proven = async {
        let mut reader = PartReader::open_unknown(&repository.store, &repository.key, name).await?;
        while reader.next().await?.is_some() {}
        Ok(())
    };
    match proven.await {
        Ok(()) => Ok(None),
        Err(BackupError::Damaged { detail, .. }) => Ok(Some(detail)),
        // Nobody can say what it is without that key or that program.
        Err(BackupError::OtherKey { .. } | BackupError::Newer { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Copies first what is left of it, then removes it from the pool.
async fn set_aside(repository: &Repository, entry: &ObjectEntry) -> Result<(), BackupError> {
    let failed = |error| BackupError::unavailable(format!("setting `{}` aside", entry.key), error);
    match repository.store.get(&object_key(&entry.key)?, None).await {
        Ok(mut opened) => {
            let key = object_key(&format!("{ASIDE}{}", entry.key))?;
            let put = Put { key, size_bytes: None, sha256: None, only_if_absent: false };
            repository.store.put(put, &mut opened.content).await.map_err(failed)?;
        }
        // There is nothing that anybody could look at.
        Err(StoreError::Damaged { .. }) => {}
        Err(error) => return Err(failed(error)),
    }
    repository.delete(&entry.key).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_in_one_slice_and_the_slices_come_in_turn() {
        for number in 0..200_u32 {
            let name = format!("objects/ab/{:08x}00", number.wrapping_mul(0x9e37_79b9));
            let slices = (0..SLICES).filter(|slice| Share::Slice(*slice).has(&name));
            assert_eq!(slices.count(), 1, "{name}");
            assert_eq!(Share::Slice(3).has(&name), Share::Slice(3 + SLICES).has(&name));
            assert!(Share::All.has(&name));
        }
    }
}
