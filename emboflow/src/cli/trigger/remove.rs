//! `emboflow trigger remove NAME`

use reqwest::Method;

use crate::cli::Shared;
use crate::failure::Failure;
use crate::output::Output;

/// Remove a trigger.
#[derive(Debug, clap::Args)]
pub(crate) struct Remove {
    /// The trigger
    name: String,
}

impl Remove {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let url = client.in_project(&["triggers", &self.name]);
        client.send(client.request(Method::DELETE, url)).await?;
        if !output.is_for_programs() {
            output.line(&format!("trigger {} is gone; the runs that it started stay", self.name))?;
        }
        Ok(())
    }
}
