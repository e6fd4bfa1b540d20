//! `emboflow secret list|set|remove`

use std::path::PathBuf;

use clap::Subcommand;
use emboflow_protocol::http::secret::{SecretBody, SecretView};
use reqwest::Method;

use super::Shared;
use super::secret_input::{self, From, confirm};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Format, Output};
use crate::text;

#[derive(Debug, Subcommand)]
pub(crate) enum Secret {
    /// List the names of the project's secrets; nobody can read a value back
    #[command(visible_alias = "ls")]
    List,
    /// Set a secret to the value that is asked for, or comes on standard input
    Set {
        /// The secret
        name: String,
        /// File with the value, taken as it is (- reads standard input)
        #[arg(long, value_name = "FILE")]
        from_file: Option<PathBuf>,
    },
    /// Remove a secret; runs that need it will fail
    #[command(visible_alias = "rm")]
    Remove {
        /// The secret
        name: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

impl Secret {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        match self {
            Self::List => list(&client, output).await,
            Self::Set { name, from_file } => {
                let value = match from_file {
                    Some(file) => secret_input::read_whole(&From::File(file), "value")?,
                    None => secret_input::read(&From::Person { twice: false }, "value")?,
                };
                set(&client, name, value, output).await
            }
            Self::Remove { name, yes } => {
                confirm(&format!("Remove the secret {name}? Runs that need it will fail."), *yes)?;
                let url = client.in_project(&["secrets", name]);
                client.send(client.request(Method::DELETE, url)).await?;
                output.message(&format!("secret {name} is removed"));
                Ok(())
            }
        }
    }
}

async fn set(client: &Client, name: &str, value: String, output: &mut Output) -> Result<(), Failure> {
    let request = client.request(Method::PUT, client.in_project(&["secrets", name]));
    let kept: SecretView = client.json(request.json(&SecretBody { value })).await?;
    output.one(&kept, name, |output| {
        output.message(&format!("secret {name} of {} is set, version {}", client.project(), kept.version));
        Ok(())
    })?;
    Ok(())
}

async fn list(client: &Client, output: &mut Output) -> Result<(), Failure> {
    let secrets: Vec<SecretView> = client.list(client.in_project(&["secrets"]), usize::MAX).await?;
    if secrets.is_empty() && !output.is_for_programs() {
        output.message(&format!(
            "the project {} has no secrets; `emboflow secret set NAME` keeps one",
            client.project()
        ));
    }
    let is_wide = output.format == Format::Wide;
    let header = ["SECRET", "VERSION", "CHANGED", "BY", "MADE", "BY"];
    let now = text::now();
    output.list(
        &secrets,
        if is_wide { &header } else { &header[..4] },
        |secret| secret.name.to_string(),
        |secret, _| {
            let mut row = vec![
                secret.name.to_string(),
                secret.version.to_string(),
                text::ago(secret.changed_at, now),
                secret.changed_by.to_string(),
            ];
            if is_wide {
                row.extend([text::ago(secret.created_at, now), secret.created_by.to_string()]);
            }
            row
        },
    )?;
    Ok(())
}
