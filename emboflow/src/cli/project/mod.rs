//! `emboflow project list|create|show|set`

mod change;
mod show;

use clap::Subcommand;
use emboflow_protocol::http::access::ProjectView;

use super::Shared;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum Project {
    /// List the projects that are open to you
    #[command(visible_alias = "ls")]
    List,
    /// Make a project
    Create(change::Create),
    /// Show a project: what it may use, and who belongs to it
    #[command(visible_alias = "get")]
    Show {
        /// The project [default: that of the other commands]
        name: Option<String>,
    },
    /// Change what a project is for or may use
    Set(change::Set),
}

impl Project {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        match self {
            Self::List => list(&client, output).await,
            Self::Create(create) => create.carry_out(&client, output).await,
            Self::Show { name } => {
                show::show(&client, name.as_deref().unwrap_or(client.project()), output).await
            }
            Self::Set(set) => set.carry_out(&client, output).await,
        }
    }
}

async fn list(client: &Client, output: &mut Output) -> Result<(), Failure> {
    let projects: Vec<ProjectView> = client.list(client.global(&["projects"]), usize::MAX).await?;
    if projects.is_empty() && !output.is_for_programs() {
        output.message("no project is open to you; an administrator can change that");
    }
    output.list(
        &projects,
        &["PROJECT", "ROLE", "DESCRIPTION"],
        |project| project.name.to_string(),
        |project, _| {
            vec![
                project.name.to_string(),
                project.role.map(|role| role.to_string()).unwrap_or_default(),
                project.description.clone().unwrap_or_default(),
            ]
        },
    )?;
    Ok(())
}
