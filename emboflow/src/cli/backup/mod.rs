//! `emboflow backup create|list|verify|restore|prune|schedule|key`, on the server itself.

mod list;
mod owner;
mod place;
mod restore;
mod schedule;
mod take;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use emboflow_backup::{BackupError, BackupKey};
use emboflow_protocol::Problem;

use super::Shared;
use crate::failure::Failure;
use crate::output::Output;
use place::Place;

/// Take backups, prove them, and restore them, on the server itself
#[derive(Debug, Args)]
pub(crate) struct Backup {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

/// Which installation, and where its backups are.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Configuration of a server (records, backend, repository, key_file …); also EMBOFLOW__SECTION__KEY. Without one:
    /// the installation in --data-dir
    #[arg(long, global = true, value_name = "FILE", env = "EMBOFLOW_BACKUP_CONFIG")]
    config: Option<PathBuf>,
    /// Folder with the backups of --data-dir [default: DATA_DIR-backups]
    #[arg(long, global = true, value_name = "DIR", conflicts_with = "config")]
    place: Option<PathBuf>,
    /// Key file of the backups of --data-dir [default: PLACE.key, made by the first `create`]
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "config")]
    key_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take a backup now, beside the running services
    Create,
    /// List the backups
    #[command(visible_alias = "ls")]
    List {
        /// Also those that were cut off
        #[arg(long)]
        all: bool,
    },
    /// Prove that a backup is whole
    Verify {
        /// The backup
        #[arg(default_value = "latest")]
        backup: String,
        /// Read every byte, fold the log, and compare every run, log and artifact
        #[arg(long)]
        deep: bool,
    },
    /// Put a backup in place of everything; the services are stopped
    Restore(restore::Restore),
    /// Remove the backups that the configuration does not keep
    Prune,
    /// Take backups again and again, until the process is stopped
    Schedule,
    /// Make a key file
    Key {
        /// Where
        file: PathBuf,
    },
}

impl Backup {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let place = || Place::find(&self.options, shared);
        match &self.command {
            Command::Create => take::create(&place()?, output).await,
            Command::List { all } => list::list(&place()?, *all, output).await,
            Command::Verify { backup, deep } => list::verify_one(&place()?, backup, *deep, output).await,
            Command::Restore(restore) => restore.carry_out(&place()?, output).await,
            Command::Prune => take::prune_now(&place()?, output).await,
            Command::Schedule => schedule::run(&place()?).await,
            Command::Key { file } => {
                let key = BackupKey::make(file).map_err(refused)?;
                output.line(&format!("{} is key {}", file.display(), key.id()))?;
                output.message("keep a copy of it away from this machine: without it no backup can be read");
                Ok(())
            }
        }
    }
}

/// As an answer of the server would say it: code, reason, what to do.
fn refused(error: BackupError) -> Failure {
    let code = error.code();
    Failure::Refused(Box::new(Problem::new(code, error.to_string()).with_hint(code.advice())))
}
