//! `emboflow admin create NAME`

use clap::Subcommand;

use super::{Shared, user};
use crate::failure::Failure;
use crate::output::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum Admin {
    /// Make an administrator of the platform, with the installation's token (--token-file, or the up.json of --data-dir)
    Create(user::Create),
}

impl Admin {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let Self::Create(create) = self;
        create.make_admin(&shared.client()?, output).await
    }
}
