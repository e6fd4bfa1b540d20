//! `emboflow session list|end`

use clap::Subcommand;
use emboflow_protocol::http::access::SessionView;
use reqwest::{Method, Url};

use super::Shared;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Colour, Output};
use crate::text;

#[derive(Debug, Subcommand)]
pub(crate) enum Session {
    /// List who is signed in: yourself, unless another user is named
    #[command(visible_alias = "ls")]
    List {
        /// Those of this user, or * for everybody's; for administrators of the platform
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// End a session
    End {
        /// Its id, as `emboflow session list` shows it
        id: String,
    },
}

impl Session {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        match self {
            Self::List { user } => list(&client, user.as_deref(), output).await,
            Self::End { id } => {
                client.send(client.request(Method::DELETE, client.global(&["sessions", id]))).await?;
                output.message(&format!("session {id} is ended"));
                Ok(())
            }
        }
    }
}

/// The list of one user, where one is named.
pub(super) fn of(mut url: Url, user: Option<&str>) -> Url {
    if let Some(user) = user {
        url.query_pairs_mut().append_pair("user", user);
    }
    url
}

async fn list(client: &Client, user: Option<&str>, output: &mut Output) -> Result<(), Failure> {
    let sessions: Vec<SessionView> = client.list(of(client.global(&["sessions"]), user), usize::MAX).await?;
    if sessions.is_empty() && !output.is_for_programs() {
        output.message("nobody is signed in");
    }
    let now = text::now();
    output.list(
        &sessions,
        &["", "SESSION", "USER", "BEGAN", "SEEN", "FROM", "WITH"],
        |session| session.id.clone(),
        |session, output| {
            let mark = if session.current { output.paint(Colour::Green, "✓") } else { String::new() };
            vec![
                mark,
                session.id.clone(),
                session.user.to_string(),
                text::ago(session.created_at, now),
                text::ago(session.last_seen_at, now),
                session.address.clone().unwrap_or_default(),
                session.agent.clone().unwrap_or_default(),
            ]
        },
    )?;
    Ok(())
}
