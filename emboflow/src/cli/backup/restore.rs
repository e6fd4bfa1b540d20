//! Putting a backup in place.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use emboflow_backup::{Depth, Restored, Target, restore, verify};
use emboflow_protocol::stream::{STREAMS, bucket_stream};
use emboflow_records::Former;

use super::owner;
use super::place::Place;
use super::refused;
use crate::failure::Failure;
use crate::output::Output;
use crate::private_file;
use crate::text;
use crate::up::data_dir::DataDir;
use crate::up::secrets;

#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The backup
    #[arg(default_value = "latest")]
    backup: String,
    /// What is there gives way: records and files are set aside, objects that the backup does not have are removed
    #[arg(long)]
    replace: bool,
    /// Change nothing: only prove that the backup could be restored
    #[arg(long)]
    verify: bool,
    /// Put the files of the installation below this folder instead of where they were
    #[arg(long, value_name = "DIR")]
    files_to: Option<PathBuf>,
    /// `store_dir` of a NATS server that is stopped: the streams that EmboFlow makes anew are removed from it
    #[arg(long, value_name = "DIR")]
    nats_store: Option<PathBuf>,
    /// File with the key of tokens for storage, which gets another key: tokens of the time that is lost must not write
    #[arg(long, value_name = "FILE")]
    storage_key: Option<PathBuf>,
}

impl Restore {
    pub(super) async fn carry_out(&self, place: &Place, output: &mut Output) -> Result<(), Failure> {
        let repository = place.repository_to_read()?;
        let manifest = repository.find(&self.backup).await.map_err(refused)?;
        if self.verify {
            let found = verify(&repository, &manifest, Depth::Deep).await.map_err(refused)?;
            let (id, runs, objects) = (&manifest.id, found.runs, found.objects);
            output.line(&format!(
                "{id} can be restored: {runs} runs and {objects} objects are what was noted"
            ))?;
            return Ok(());
        }
        // Held to the end: no `emboflow up` begins meanwhile.
        let _lock = match &place.data_dir {
            Some(data_dir) => Some(lock(data_dir).await?),
            None => None,
        };
        let target = Target {
            records: place.config.records.clone(),
            objects: place.config.backend.clone(),
            files_below: self.files_to.clone().or_else(|| place.data_dir.clone()),
            replace: self.replace,
        };
        owner::check(&target)?;
        let restored = restore(&repository, &manifest, &target).await.map_err(refused)?;
        if let Some(data_dir) = &place.data_dir {
            begin_anew(data_dir)?;
        }
        if let Some(store) = &self.nats_store {
            forget_streams(&store.join("jetstream"))?;
        }
        if let Some(file) = &self.storage_key {
            file.parent().map(private_file::make_folder).transpose()?;
            private_file::replace(file, secrets::random().as_bytes())?;
        }
        tell(&manifest.id, &restored, output)?;
        if place.data_dir.is_none() {
            self.say_what_is_left(output);
        }
        Ok(())
    }

    fn say_what_is_left(&self, output: &mut Output) {
        if self.nats_store.is_none() {
            output.hint(
                "before the services start: remove the streams EMBOFLOW_* and KV_emboflow_* of NATS (--nats-store)",
            );
        }
        if self.storage_key.is_none() {
            output.hint(
                "before the services start: set a new storage key of gateway, scheduler and API (--storage-key)",
            );
        }
    }
}

async fn lock(data_dir: &Path) -> anyhow::Result<crate::up::data_dir::Lock> {
    let data = DataDir::open(data_dir)?;
    data.folder("records")?;
    data.lock().await
}

/// NATS held the messages of a time that is lost; and who had a storage token then must not write with it now.
fn begin_anew(data_dir: &Path) -> anyhow::Result<()> {
    forget_streams(&data_dir.join("nats").join("jetstream"))?;
    let path = data_dir.join("secrets.json");
    let mut kept = secrets::Secrets::kept(&path)?;
    kept.storage_key = secrets::random();
    let text = serde_json::to_vec_pretty(&kept).context("writing the secrets down")?;
    private_file::replace(&path, &text)
}

/// Removes the streams that EmboFlow makes anew. Those of others, which triggers may follow, are in no backup and stay.
///
/// `store` is what a server that is stopped left: one folder an account, with one below `streams` for each stream.
fn forget_streams(store: &Path) -> anyhow::Result<()> {
    let ours: Vec<String> =
        STREAMS.iter().map(|stream| stream.name.to_owned()).chain([bucket_stream()]).collect();
    let accounts = match std::fs::read_dir(store) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        accounts => accounts.with_context(|| format!("reading {}", store.display()))?,
    };
    for account in accounts {
        let streams = account.with_context(|| format!("reading {}", store.display()))?.path().join("streams");
        for folder in ours.iter().map(|name| streams.join(name)).filter(|folder| folder.exists()) {
            std::fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
        }
    }
    Ok(())
}

fn tell(id: &str, restored: &Restored, output: &mut Output) -> Result<(), Failure> {
    let Restored { verified, objects_written, objects_removed, files, .. } = restored;
    output.line(&format!(
        "{id} is restored: {} runs as noted, {} objects ({}; {objects_written} written, {objects_removed} of a later \
         time removed), {files} files",
        verified.runs,
        verified.objects,
        text::size(verified.read_bytes)
    ))?;
    match &restored.former {
        Former::Nothing => {}
        Former::File(path) => output.message(&format!("the former records are kept in {}", path.display())),
        Former::Database(name) => {
            output.message(&format!("the former records stay in database {name} until the next restore"));
        }
    }
    output.message(
        "attempts that were open in the backup are lost and tried again; results of before are refused",
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_others_outlive_a_restore() {
        let store = tempfile::tempdir().expect("a folder");
        let streams = store.path().join("$G").join("streams");
        for name in ["EMBOFLOW_INTAKE", "EMBOFLOW_LOGS", "KV_emboflow_executors", "ORDERS", "KV_prices"] {
            std::fs::create_dir_all(streams.join(name).join("msgs")).expect("a stream");
        }
        forget_streams(store.path()).expect("forgotten");
        let mut left: Vec<_> = std::fs::read_dir(&streams)
            .expect("the account")
            .map(|entry| entry.expect("a stream").file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["KV_prices", "ORDERS"]);
    }

    #[test]
    fn a_server_that_never_ran_has_nothing_to_forget() {
        let nowhere = tempfile::tempdir().expect("a folder").path().join("jetstream");
        forget_streams(&nowhere).expect("nothing to do");
    }
}
