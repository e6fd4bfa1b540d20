//! `emboflow user password NAME`

use std::path::PathBuf;

use emboflow_protocol::http::access::{OneTimeLink, UserChange};
use reqwest::Method;

use super::create::print_link;
use super::{change, read};
use crate::cli::secret_input::{self, From};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;

/// Set a user's password.
#[derive(Debug, clap::Args)]
pub(crate) struct Password {
    /// The user
    name: String,
    /// Print a link with which the user chooses a password
    #[arg(long, conflicts_with = "password_file")]
    link: bool,
    /// File with the password (- reads standard input) [default: asked for]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl Password {
    pub(super) async fn carry_out(&self, client: &Client, output: &mut Output) -> Result<(), Failure> {
        if self.link {
            let request = client.request(Method::POST, client.global(&["users", &self.name, "link"]));
            let link: OneTimeLink = client.json(request).await?;
            let link = OneTimeLink { link: client.absolute(&link.link), ..link };
            let shown = link.link.clone();
            return Ok(output.one(&link, &shown, |output| print_link(&link, output))?);
        }
        let from = self.password_file.as_deref().map_or(From::Person { twice: true }, From::File);
        let password = secret_input::read(&from, "new password")?;
        let (_, version) = read(client, &self.name).await?;
        let wanted = UserChange { password: Some(password), ..UserChange::default() };
        let user = change(client, &self.name, version, &wanted).await?;
        output.one(&user, &self.name, |output| {
            output.message(&format!("the password of {} is set; their sessions are ended", self.name));
            Ok(())
        })?;
        Ok(())
    }
}
