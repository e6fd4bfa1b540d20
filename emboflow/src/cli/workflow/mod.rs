//! `emboflow workflow …`

mod apply;
mod list;
mod remove;
mod show;
mod validate;

use clap::Subcommand;

use super::Shared;
use crate::failure::Failure;
use crate::output::Output;

pub(super) use validate::{print_problems, read_file};

#[derive(Debug, Subcommand)]
pub(crate) enum Workflow {
    /// Check files; needs no server
    #[command(visible_alias = "lint")]
    Validate(validate::Validate),
    /// Keep a file on the server under the name it gives itself
    Apply(apply::Apply),
    /// List the workflows of the project
    #[command(visible_alias = "ls")]
    List,
    /// Print the file of a workflow
    Show(show::Show),
    /// Remove a workflow with all its versions and the triggers of its file; its runs stay
    #[command(visible_alias = "rm")]
    Remove(remove::Remove),
}

impl Workflow {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        match self {
            Self::Validate(validate) => validate.carry_out(output),
            Self::Apply(apply) => apply.carry_out(shared, output).await,
            Self::List => list::list(shared, output).await,
            Self::Show(show) => show.carry_out(shared, output).await,
            Self::Remove(remove) => remove.carry_out(shared, output).await,
        }
    }
}
