//! `emboflow cache clear|cleared`

use clap::Subcommand;
use emboflow_model::WorkflowName;
use emboflow_protocol::http::clearing::{ClearingBody, ClearingView};
use reqwest::Method;

use super::Shared;
use super::secret_input::confirm;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;
use crate::text;

#[derive(Debug, Subcommand)]
pub(crate) enum Cache {
    /// Take over no result any more that was begun by now; runs, artifacts and logs stay
    Clear {
        /// Only what runs of this workflow made; without it, all results of the project
        #[arg(long, value_name = "NAME")]
        workflow: Option<WorkflowName>,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// List what was cleared last, of the project and of its workflows
    Cleared,
}

impl Cache {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let url = client.in_project(&["cache", "clearings"]);
        match self {
            Self::Cleared => list(&client, output).await,
            Self::Clear { workflow, yes } => {
                let what = what(workflow.as_ref(), &client);
                confirm(
                    &format!("Clear {what}? Tasks with cache run once more; runs and artifacts stay."),
                    *yes,
                )?;
                let body = ClearingBody { workflow: workflow.clone() };
                let view: ClearingView = client.json(client.request(Method::POST, url).json(&body)).await?;
                output.one(&view, &what, |output| {
                    output.message(&format!("cleared: {what}"));
                    Ok(())
                })?;
                Ok(())
            }
        }
    }
}

fn what(workflow: Option<&WorkflowName>, client: &Client) -> String {
    match workflow {
        None => format!("all results of project {}", client.project()),
        Some(workflow) => format!("the results of {workflow} in project {}", client.project()),
    }
}

async fn list(client: &Client, output: &mut Output) -> Result<(), Failure> {
    let url = client.in_project(&["cache", "clearings"]);
    let clearings: Vec<ClearingView> = client.list(url, usize::MAX).await?;
    if clearings.is_empty() && !output.is_for_programs() {
        output.message(&format!("no results of project {} were ever cleared", client.project()));
    }
    let now = text::now();
    let name = |view: &ClearingView| view.workflow.as_ref().map_or("-".to_owned(), ToString::to_string);
    output.list(&clearings, &["WORKFLOW", "CLEARED", "BY"], name, |view, _| {
        vec![name(view), text::ago(view.clearing.at, now), view.clearing.by.clone()]
    })?;
    Ok(())
}
