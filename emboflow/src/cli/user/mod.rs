//! `emboflow user …`

mod create;
mod list;
mod password;
mod role;

use clap::Subcommand;
use emboflow_protocol::http::access::{UserChange, UserView};
use reqwest::{Method, header};

use super::Shared;
use super::secret_input::confirm;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;

pub(super) use create::Create;

#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// List users, and what they may
    #[command(visible_alias = "ls")]
    List,
    /// Make a user; without a password a link is printed with which the user chooses one
    Create(Create),
    /// Keep a user out: neither the person nor their keys are let in
    Disable {
        /// The user
        name: String,
    },
    /// Let a user in again
    Enable {
        /// The user
        name: String,
    },
    /// Give a user another role in a project
    Role(role::SetRole),
    /// Remove a user with all their sessions and keys
    #[command(visible_alias = "rm")]
    Remove {
        /// The user
        name: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Set a user's password, or print a link with which the user chooses one
    Password(password::Password),
}

impl User {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        match self {
            Self::List => list::list(&client, output).await,
            Self::Create(create) => create.carry_out(&client, output).await,
            Self::Disable { name } => let_in(&client, name, false, output).await,
            Self::Enable { name } => let_in(&client, name, true, output).await,
            Self::Role(role) => role.carry_out(&client, output).await,
            Self::Remove { name, yes } => remove(&client, name, *yes, output).await,
            Self::Password(password) => password.carry_out(&client, output).await,
        }
    }
}

/// A user as it is now, and the version that a change has to name.
async fn read(client: &Client, name: &str) -> Result<(UserView, Option<header::HeaderValue>), Failure> {
    let answer = client.send(client.request(Method::GET, client.global(&["users", name]))).await?;
    let version = answer.headers().get(header::ETAG).cloned();
    Ok((client.read(answer).await?, version))
}

/// Changes the version that was read, or none.
async fn change(
    client: &Client,
    name: &str,
    version: Option<header::HeaderValue>,
    change: &UserChange,
) -> Result<UserView, Failure> {
    let mut request = client.request(Method::PATCH, client.global(&["users", name])).json(change);
    if let Some(version) = version {
        request = request.header(header::IF_MATCH, version);
    }
    client.json(request).await
}

async fn let_in(client: &Client, name: &str, is_let_in: bool, output: &mut Output) -> Result<(), Failure> {
    let (_, version) = read(client, name).await?;
    let wanted = UserChange { disabled: Some(!is_let_in), ..UserChange::default() };
    let user = change(client, name, version, &wanted).await?;
    output.one(&user, name, |output| {
        let said =
            if is_let_in { "is let in" } else { "is kept out; their sessions and keys no longer work" };
        output.message(&format!("{name} {said}"));
        Ok(())
    })?;
    Ok(())
}

async fn remove(client: &Client, name: &str, yes: bool, output: &mut Output) -> Result<(), Failure> {
    confirm(&format!("Remove the user {name} with all their sessions and keys?"), yes)?;
    client.send(client.request(Method::DELETE, client.global(&["users", name]))).await?;
    output.message(&format!("{name} is removed"));
    Ok(())
}
