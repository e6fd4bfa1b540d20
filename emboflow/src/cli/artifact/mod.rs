//! `emboflow artifact …`

mod get;
mod list;

use clap::Subcommand;

use super::Shared;
use crate::failure::Failure;
use crate::output::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum Artifact {
    /// List the files that a run has made
    #[command(name = "ls", visible_alias = "list")]
    List(list::List),
    /// Fetch an artifact, or one file of it, and check it
    Get(get::Get),
}

impl Artifact {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.carry_out(shared, output).await,
            Self::Get(get) => get.carry_out(shared, output).await,
        }
    }
}
