//! Backups again and again: a failed one is told and measured, and the next one has its turn all the same.

use std::time::Duration;

use emboflow_model::Timestamp;
use emboflow_objects::open_for_reading;
use emboflow_records::RecordsError;
use emboflow_service::Shutdown;

use crate::apart;
use crate::config::Config;
use crate::create::{Source, create, now};
use crate::error::BackupError;
use crate::heal::{Share, heal};
use crate::key::BackupKey;
use crate::manifest::Manifest;
use crate::measure;
use crate::prune::{GRACE, prune};
use crate::repository::{Listed, Repository};

const STALL: Duration = Duration::from_secs(120);
/// After a failure the next try does not wait for its time.
const RETRY: Duration = Duration::from_secs(5 * 60);

/// How long to wait: the next backup begins one interval after the newest one did, and at once when there is none.
pub fn pause_before(newest: Option<Timestamp>, now: Timestamp, every: Duration) -> Duration {
    let Some(newest) = newest else { return Duration::ZERO };
    let age = Duration::from_millis(u64::try_from(now.0.saturating_sub(newest.0)).unwrap_or(0));
    every.saturating_sub(age)
}

/// Opens what a configuration names and takes one backup.
pub async fn take_one(config: &Config) -> Result<Manifest, BackupError> {
    let key = BackupKey::read(&config.key_file)?;
    let repository = Repository::open(&config.repository, key)?;
    create(&open_source(config).await?, &repository).await
}

/// Opens what is to be backed up, and changes nothing of it.
///
/// # Errors
/// [`BackupError::OlderSource`]: opening it would bring it up to date, and the version that runs would be shut out.
pub async fn open_source(config: &Config) -> Result<Source, BackupError> {
    apart::check(&config.backend, &config.repository)?;
    let failed = BackupError::records("opening the records");
    let schema = emboflow_records::schema(&config.records).await.map_err(&failed)?;
    let Some(found) = schema.found else {
        return Err(BackupError::unavailable("opening the records", "there are none yet"));
    };
    if found < schema.known {
        return Err(BackupError::OlderSource { found, known: schema.known });
    }
    if found > schema.known {
        let error = RecordsError::NewerSchema { found, known: schema.known };
        return Err(failed(error));
    }
    let records = emboflow_records::open_as_is(&config.records).await.map_err(&failed)?;
    let objects = open_for_reading(&config.backend, STALL)
        .map_err(|error| BackupError::unavailable("opening the objects", format!("{error:#}")))?;
    Ok(Source {
        records,
        schema: found,
        objects,
        files: config.files.clone(),
        base: config.files_base.clone(),
    })
}

/// Takes backups until `shutdown`. Each opens everything anew: what was away comes back, and nothing is held meanwhile.
pub async fn run(config: &Config, shutdown: &Shutdown) -> Result<(), BackupError> {
    let every = Duration::from_secs(u64::from(config.schedule.every_minutes) * 60);
    let mut newest = newest(config).await?;
    measure::begin(newest.as_ref());
    write_figures(config);
    let mut failed = false;
    // Goes on about where the process before left off, without a note of it.
    let mut slice =
        u64::try_from(now().0).unwrap_or(0) / u64::try_from(every.as_millis()).unwrap_or(1).max(1);
    loop {
        let due = pause_before(newest.as_ref().map(|newest| newest.created_at), now(), every);
        let pause = if failed { RETRY.min(every) } else { due };
        tracing::info!(in_s = pause.as_secs(), "the next backup");
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
        }
        let taken = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            taken = heal_take_and_prune(config, slice) => taken,
        };
        failed = taken.is_err();
        slice += 1;
        match taken {
            Ok(manifest) => {
                tracing::info!(
                    backup = manifest.id,
                    runs = manifest.runs,
                    objects = manifest.objects.count,
                    added_bytes = manifest.added_bytes(),
                    damaged = manifest.damaged.len(),
                    "a backup was taken"
                );
                measure::succeeded(&manifest);
                newest = Some(manifest);
            }
            Err(error) => {
                tracing::error!(code = error.code().code(), %error, "no backup was taken; it is tried again");
                measure::failed();
            }
        }
        write_figures(config);
    }
}

/// What is found damaged is copied again by the very backup that follows.
async fn heal_take_and_prune(config: &Config, slice: u64) -> Result<Manifest, BackupError> {
    match heal_slice(config, slice).await {
        Ok(()) => {}
        Err(error) => tracing::error!(code = error.code().code(), %error, "contents could not be proven"),
    }
    take_and_prune(config).await
}

async fn heal_slice(config: &Config, slice: u64) -> Result<(), BackupError> {
    let repository = Repository::open(&config.repository, BackupKey::read(&config.key_file)?)?;
    let healed = heal(&repository, Share::Slice(slice)).await?;
    measure::proved(&healed);
    tracing::info!(contents = healed.read, set_aside = healed.set_aside.len(), "contents were proven");
    Ok(())
}

async fn take_and_prune(config: &Config) -> Result<Manifest, BackupError> {
    let manifest = take_one(config).await?;
    let key = BackupKey::read(&config.key_file)?;
    let repository = Repository::open(&config.repository, key)?;
    let pruned = prune(&repository, config.keep, GRACE).await;
    measure::pruned(pruned.is_ok());
    match pruned {
        Ok(pruned) => tracing::info!(backups = pruned.backups.len(), contents = pruned.contents, "pruned"),
        // The backup that was taken is good all the same.
        Err(error) => tracing::error!(code = error.code().code(), %error, "old backups were not removed"),
    }
    Ok(manifest)
}

async fn newest(config: &Config) -> Result<Option<Manifest>, BackupError> {
    let key = BackupKey::read(&config.key_file)?;
    let repository = Repository::open_for_reading(&config.repository, key)?;
    match repository.list().await {
        Ok(listed) => Ok(listed.into_iter().rev().find_map(|listed| match listed {
            Listed::Whole(manifest) => Some(*manifest),
            _ => None,
        })),
        Err(error) => {
            tracing::warn!(%error, "the list of backups cannot be read yet");
            Ok(None)
        }
    }
}

fn write_figures(config: &Config) {
    if let Some(path) = &config.schedule.metrics_file
        && let Err(error) = measure::write(path)
    {
        tracing::warn!(%error, path = %path.display(), "the figures about backups could not be written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_backup_is_due_one_interval_after_the_newest_began() {
        let every = Duration::from_secs(60);
        assert_eq!(pause_before(None, Timestamp(0), every), Duration::ZERO, "there is none");
        let due = |newest, now| pause_before(Some(Timestamp(newest)), Timestamp(now), every).as_secs();
        assert_eq!(due(0, 10_000), 50);
        assert_eq!(due(0, 60_000), 0);
        assert_eq!(due(0, 900_000), 0, "one that is overdue is taken once");
        assert_eq!(due(50_000, 0), 60, "the clock was set back");
    }
}
