//! `emboflow user create NAME`, `emboflow admin create NAME`

use std::path::PathBuf;

use emboflow_model::access::Powers;
use emboflow_protocol::http::access::{NewUser, OneTimeLink, UserMade};
use reqwest::Method;

use crate::cli::grants::{self, Grants};
use crate::cli::secret_input::{self, From};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;
use crate::text;

/// Make a user.
#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    /// Name to sign in with: a word of a-z, 0-9 and ._@+-
    name: String,
    /// How people call the user
    #[arg(long, value_name = "TEXT")]
    display: Option<String>,
    /// File with the password (- reads standard input); without it a link is printed
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    grants: Grants,
}

impl Create {
    pub(super) async fn carry_out(&self, client: &Client, output: &mut Output) -> Result<(), Failure> {
        self.make(self.grants.powers(), client, output).await?;
        if self.grants.is_empty() && !output.is_for_programs() {
            output
                .message(&format!("  {} may nothing yet: `emboflow user role {0} PROJECT ROLE`", self.name));
        }
        Ok(())
    }

    /// Makes an administrator of the platform, whatever else is given.
    pub(in crate::cli) async fn make_admin(
        &self,
        client: &Client,
        output: &mut Output,
    ) -> Result<(), Failure> {
        self.make(Powers { platform_admin: true, ..self.grants.powers() }, client, output).await
    }

    async fn make(&self, powers: Powers, client: &Client, output: &mut Output) -> Result<(), Failure> {
        let name = self.name.parse().map_err(|error| Failure::usage(format!("{error}")))?;
        let password = match &self.password_file {
            Some(file) => Some(secret_input::read(&From::File(file), "password")?),
            None => None,
        };
        let body = NewUser { name, display: self.display.clone(), password, powers };
        let request = client.request(Method::POST, client.global(&["users"]));
        let mut made: UserMade = client.json(request.json(&body)).await?;
        if let Some(link) = &mut made.link {
            link.link = client.absolute(&link.link);
        }
        output.one(&made, &self.name, |output| {
            output.message(&format!("{} is made; may: {}", self.name, grants::in_words(&made.user.powers)));
            made.link.as_ref().map_or(Ok(()), |link| print_link(link, output))
        })?;
        Ok(())
    }
}

/// The link alone goes to standard output.
pub(super) fn print_link(link: &OneTimeLink, output: &mut Output) -> std::io::Result<()> {
    let left = text::duration(link.expires_at.ms_since(text::now()));
    output
        .message(&format!("  this link signs in once, within {left}, and lets its user choose a password:"));
    output.line(&link.link)
}
