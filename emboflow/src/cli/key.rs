//! `emboflow key list|create|revoke`

use clap::Subcommand;
use emboflow_protocol::http::access::{KeyMade, KeyView, NewKey};
use reqwest::Method;

use super::Shared;
use super::grants::{self, Grants};
use super::session::of;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Colour, Format, Output};
use crate::text;

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// List API keys: your own, unless another user is named
    #[command(visible_alias = "ls")]
    List {
        /// Those of this user, or * for everybody's; for administrators of the platform
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// Make a key for a program; its value is shown this once, alone on standard output
    Create(Create),
    /// Revoke a key, from now on and for ever
    Revoke {
        /// Its id, as `emboflow key list` shows it
        id: String,
    },
}

/// Make a key.
#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    /// What it is for
    name: String,
    #[command(flatten)]
    grants: Grants,
    /// All that you may yourself
    #[arg(long, conflicts_with_all = ["roles", "platform_admin"])]
    full: bool,
    /// Days until it ends [default: never]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: Option<u32>,
}

impl Key {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        match self {
            Self::List { user } => list(&client, user.as_deref(), output).await,
            Self::Create(create) => create.carry_out(&client, output).await,
            Self::Revoke { id } => {
                client.send(client.request(Method::DELETE, client.global(&["keys", id]))).await?;
                output.message(&format!("key {id} is revoked"));
                Ok(())
            }
        }
    }
}

impl Create {
    async fn carry_out(&self, client: &Client, output: &mut Output) -> Result<(), Failure> {
        if self.grants.is_empty() && !self.full {
            return Err(Failure::usage(
                "say what the key may: --role PROJECT=ROLE, or --full for all that you may",
            ));
        }
        let powers = (!self.full).then(|| self.grants.powers());
        let body = NewKey { name: self.name.clone(), powers, expires_in_days: self.days };
        let request = client.request(Method::POST, client.global(&["keys"]));
        let made: KeyMade = client.json(request.json(&body)).await?;
        match output.format {
            Format::Json | Format::Jsonl | Format::Yaml => output.json(&made)?,
            Format::Table | Format::Wide | Format::Name => {
                let end = made.key.expires_at.map(|end| format!(", until {end}")).unwrap_or_default();
                let may = grants::in_words(&made.key.powers);
                output.message(&format!("key {} is made; may: {may}{end}", made.key.id));
                output.message("  it is shown this once:");
                output.line(&made.value)?;
            }
        }
        Ok(())
    }
}

async fn list(client: &Client, user: Option<&str>, output: &mut Output) -> Result<(), Failure> {
    let keys: Vec<KeyView> = client.list(of(client.global(&["keys"]), user), usize::MAX).await?;
    if keys.is_empty() && !output.is_for_programs() {
        output.message("no keys; `emboflow key create NAME --role PROJECT=ROLE` makes one");
    }
    let now = text::now();
    output.list(
        &keys,
        &["KEY", "NAME", "OWNER", "MAY", "USED", "ENDS"],
        |key| key.id.clone(),
        |key, output| {
            let ends = match key.expires_at {
                None => "never".to_owned(),
                Some(end) if end <= now => output.paint(Colour::Red, "ended"),
                Some(end) => format!("in {}", text::duration(end.ms_since(now))),
            };
            let used = match (&key.last_used_at, &key.last_used_from) {
                (None, _) => "never".to_owned(),
                (Some(at), None) => text::ago(*at, now),
                (Some(at), Some(from)) => format!("{} from {from}", text::ago(*at, now)),
            };
            let (name, owner) = (key.name.clone(), key.owner.to_string());
            vec![key.id.clone(), name, owner, grants::in_words(&key.powers), used, ends]
        },
    )?;
    Ok(())
}
