//! `emboflow mongo …`: who may use the records in MongoDB. Asks that server itself, not EmboFlow's.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use emboflow_records::{Duty, make_mongo_user};

use crate::failure::Failure;
use crate::output::Output;

/// Look after the users of the records in MongoDB
#[derive(Debug, Subcommand)]
pub(crate) enum Mongo {
    /// Make the users of services and backups, each with the rights that it needs; one that is there gets them anew
    Users(Users),
}

#[derive(Debug, Args)]
pub(crate) struct Users {
    /// File with the connection string of the user who manages the server
    #[arg(long, value_name = "FILE")]
    admin_file: PathBuf,
    /// File with the connection string of the services: that user may read and write the database
    #[arg(long, value_name = "FILE")]
    services_file: PathBuf,
    /// File with the connection string of backups: that user may read the database
    #[arg(long, value_name = "FILE")]
    backups_file: Option<PathBuf>,
    /// The database of the records; a restore fills the one of the same name with `_b` behind it
    #[arg(long, value_name = "NAME", default_value = "emboflow")]
    database: String,
}

impl Mongo {
    pub(super) async fn carry_out(&self, output: &mut Output) -> Result<(), Failure> {
        let Self::Users(users) = self;
        users.make(output).await
    }
}

impl Users {
    async fn make(&self, output: &mut Output) -> Result<(), Failure> {
        let admin = read(&self.admin_file)?;
        let services = Some((&self.services_file, Duty::Services));
        let backups = self.backups_file.as_ref().map(|file| (file, Duty::Backups));
        for (file, duty) in services.into_iter().chain(backups) {
            let uri = read(file)?;
            let made = make_mongo_user(&admin, &self.database, &uri, duty).await;
            let name = made.with_context(|| format!("making the user of {}", file.display()))?;
            let may = match duty {
                Duty::Services => "reads and writes",
                Duty::Backups => "reads",
            };
            output.line(&format!("{name} {may} {}", self.database))?;
        }
        Ok(())
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    Ok(text.trim().to_owned())
}
