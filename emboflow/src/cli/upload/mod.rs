//! `emboflow upload put|list|show|remove`

mod put;
mod remove;
mod show;

use clap::Subcommand;

use super::Shared;
use crate::failure::Failure;
use crate::output::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum Upload {
    /// Upload a file: tasks take it in with `inputs: { NAME: { upload: FILE } }`
    Put(put::Put),
    /// List the project's uploads
    #[command(visible_alias = "ls")]
    List,
    /// Show an upload with its versions
    Show {
        /// The upload
        name: String,
    },
    /// Remove an upload, or an old version of it
    #[command(visible_alias = "rm")]
    Remove(remove::Remove),
}

impl Upload {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        match self {
            Self::Put(put) => put.carry_out(&client, output).await,
            Self::List => show::list(&client, output).await,
            Self::Show { name } => show::show(&client, name, output).await,
            Self::Remove(remove) => remove.carry_out(&client, output).await,
        }
    }
}
