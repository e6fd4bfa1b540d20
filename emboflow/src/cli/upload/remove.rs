//! `emboflow upload remove NAME`

use reqwest::Method;

use crate::cli::secret_input::confirm;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;

/// Remove an upload.
#[derive(Debug, clap::Args)]
pub(crate) struct Remove {
    /// The upload
    name: String,
    /// Only this version, which is not the newest
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl Remove {
    pub(super) async fn carry_out(&self, client: &Client, output: &mut Output) -> Result<(), Failure> {
        let what = match &self.version {
            Some(version) => format!("the version {version} of {}", self.name),
            None => format!("the upload {} with all its versions", self.name),
        };
        confirm(&format!("Remove {what}? Runs that have not read it yet will fail."), self.yes)?;
        let mut path = vec!["uploads", &self.name];
        path.extend(self.version.iter().flat_map(|version| ["versions", version.as_str()]));
        client.send(client.request(Method::DELETE, client.in_project(&path))).await?;
        output.message(&format!("{what} is removed"));
        Ok(())
    }
}
