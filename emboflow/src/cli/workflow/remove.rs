//! `emboflow workflow remove NAME`

use reqwest::Method;

use crate::cli::Shared;
use crate::cli::secret_input::confirm;
use crate::failure::Failure;
use crate::output::Output;

/// Remove a workflow.
#[derive(Debug, clap::Args)]
pub(crate) struct Remove {
    /// The workflow
    name: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl Remove {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let what = format!("the workflow {} with all its versions and the triggers of its file", self.name);
        confirm(&format!("Remove {what}? Its runs stay."), self.yes)?;
        let address = client.in_project(&["workflows", &self.name]);
        client.send(client.request(Method::DELETE, address)).await?;
        output.message(&format!("{what} is removed"));
        Ok(())
    }
}
