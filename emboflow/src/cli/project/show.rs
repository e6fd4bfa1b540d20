//! `emboflow project show NAME`

use emboflow_model::access::{ProjectScope, Quotas};
use emboflow_protocol::http::access::{MemberView, ProjectUsage, ProjectView};
use serde::Serialize;

use crate::cli::grants;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;
use crate::text;

/// A project with its members, where the caller may see them.
#[derive(Serialize)]
struct Whole {
    #[serde(flatten)]
    project: ProjectView,
    /// None where nobody could count it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<ProjectUsage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<Vec<MemberView>>,
}

pub(super) async fn show(client: &Client, name: &str, output: &mut Output) -> Result<(), Failure> {
    let project: ProjectView = client.get(client.global(&["projects", name])).await?;
    let members = client.list(client.global(&["projects", name, "members"]), usize::MAX).await;
    let members = match members {
        Ok(members) => Some(members),
        Err(Failure::Refused(problem)) if problem.status == 403 => None,
        Err(failure) => return Err(failure),
    };
    let usage = match client.get(client.global(&["projects", name, "usage"])).await {
        Ok(usage) => Some(usage),
        // An older server, or a storage that is away.
        Err(Failure::Refused(_)) => None,
        Err(failure) => return Err(failure),
    };
    let whole = Whole { project, usage, members };
    output.one(&whole, name, |output| print(&whole, output))?;
    Ok(())
}

fn print(whole: &Whole, output: &mut Output) -> std::io::Result<()> {
    let Whole { project, usage, members } = whole;
    output.line(&project.name.to_string())?;
    if let Some(description) = &project.description {
        output.line(description)?;
    }
    for (name, most) in quotas(&project.quotas) {
        output.line(&format!("quota     {name}={most}"))?;
    }
    if let Some(usage) = usage {
        output.line(&stored(usage))?;
    }
    let Some(members) = members else {
        output.message("  its administrators can see who belongs to it");
        return Ok(());
    };
    output.line("")?;
    let rows = members.iter().map(|member| {
        let whence = if member.scope == ProjectScope::All { "every project" } else { "this project" };
        vec![member.user.to_string(), grants::word(member.role).to_owned(), whence.to_owned()]
    });
    let rows = rows.collect();
    output.table(&["USER", "ROLE", "IN"], rows)
}

/// How much it stores, and how old the figure is.
fn stored(usage: &ProjectUsage) -> String {
    let least = if usage.complete { "" } else { "at least " };
    let size = text::size(usage.stored_bytes);
    format!(
        "stores    {least}{size} in {} objects, as of {} ago",
        usage.objects,
        text::duration(usage.age_ms)
    )
}

/// What is limited, by the names of the fields.
fn quotas(quotas: &Quotas) -> Vec<(String, String)> {
    let fields = serde_json::to_value(quotas).unwrap_or_default();
    let fields = fields.as_object().into_iter().flatten();
    fields.filter(|(_, most)| !most.is_null()).map(|(name, most)| (name.clone(), most.to_string())).collect()
}
