//! `emboflow audit list|export`

use clap::{Args, Subcommand};
use emboflow_model::access::AuditEntry;
use emboflow_model::access::audit::AuditResult;
use reqwest::Url;

use super::Shared;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Colour, Format, Output};

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// List who did what, the newest first
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        filter: Filter,
        /// Entries at most
        #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
    /// Write all of it, one JSON object a line, to standard output
    Export {
        #[command(flatten)]
        filter: Filter,
    },
}

/// Which entries.
#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Only what is in --project; its administrators may see that
    #[arg(long)]
    of_project: bool,
    /// Only by whom: user:anna, key:anna/ID, service:ci, local, nobody
    #[arg(long, value_name = "WHO")]
    who: Option<String>,
    /// Only actions that begin with this: POST /api/v1/users, sign-in
    #[arg(long, value_name = "TEXT")]
    action: Option<String>,
    /// Only with this result: ok, denied or failed
    #[arg(long, value_name = "RESULT", value_parser = ["ok", "denied", "failed"])]
    result: Option<String>,
    /// From this moment on: 2026-11-21T13:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this moment
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl Filter {
    fn on(&self, mut url: Url) -> Url {
        let given = [
            ("who", &self.who),
            ("action", &self.action),
            ("result", &self.result),
            ("since", &self.since),
            ("until", &self.until),
        ];
        for (name, value) in given {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        url
    }

    fn list(&self, client: &Client) -> Url {
        self.on(if self.of_project { client.in_project(&["audit"]) } else { client.global(&["audit"]) })
    }
}

impl Audit {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        match self {
            Self::List { filter, limit } => list(&client, filter, *limit, output).await,
            Self::Export { filter } => export(&client, filter, output).await,
        }
    }
}

async fn export(client: &Client, filter: &Filter, output: &mut Output) -> Result<(), Failure> {
    let mut url = filter.on(client.global(&["audit", "export"]));
    if filter.of_project {
        url.query_pairs_mut().append_pair("project", client.project());
    }
    let mut answer = client.send(client.stream(url)).await?;
    while let Some(piece) = client.piece(&mut answer).await? {
        output.bytes(&piece)?;
    }
    Ok(())
}

async fn list(client: &Client, filter: &Filter, limit: u32, output: &mut Output) -> Result<(), Failure> {
    let mut url = filter.list(client);
    url.query_pairs_mut().append_pair("limit", &limit.min(500).to_string());
    let entries: Vec<AuditEntry> = client.list(url, limit as usize).await?;
    if entries.is_empty() && !output.is_for_programs() {
        output.message("nothing of that kind is in the audit");
    }
    let is_wide = output.format == Format::Wide;
    let header = ["TIME", "WHO", "RESULT", "ACTION", "WHAT", "FROM", "CODE", "REQUEST"];
    output.list(
        &entries,
        if is_wide { &header } else { &header[..5] },
        |entry| entry.id.clone(),
        |entry, output| {
            let times = if entry.count > 1 { format!(" ×{}", entry.count) } else { String::new() };
            let mut row = vec![
                entry.at.to_string(),
                entry.who.clone(),
                format!("{}{times}", result(entry.result, output)),
                entry.action.clone(),
                entry.what.clone().unwrap_or_default(),
            ];
            if is_wide {
                let or_none = |text: &Option<String>| text.clone().unwrap_or_default();
                row.extend([or_none(&entry.from), or_none(&entry.code), or_none(&entry.request_id)]);
            }
            row
        },
    )?;
    Ok(())
}

fn result(result: AuditResult, output: &Output) -> String {
    let (mark, colour) = match result {
        AuditResult::Ok => ("✓", Colour::Green),
        AuditResult::Denied => ("⊘", Colour::Yellow),
        AuditResult::Failed => ("✗", Colour::Red),
    };
    format!("{} {}", output.paint(colour, mark), result.word())
}
