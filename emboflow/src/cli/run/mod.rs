//! `emboflow run FILE`, and what can be done with runs: `emboflow run list|get|watch|…`.

mod again;
mod approvals;
mod asked;
mod decide;
mod each;
mod get;
mod inputs;
mod list;
mod logs;
mod rerun;
mod retry;
mod sending;
mod steer;
mod submit;
mod watch;

use asked::Asked;
use clap::{Args, Subcommand};
use emboflow_model::{RunId, RunSummary};
use reqwest::Method;

use super::Shared;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;

/// Submits a workflow file, or a workflow that the server keeps; with one of the commands below, looks after runs
#[derive(Debug, Args)]
#[command(override_usage = "emboflow run [OPTIONS] <FILE|NAME>\n       emboflow run <COMMAND>")]
pub(crate) struct Run {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    submit: submit::Submit,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List runs, the newest first
    #[command(visible_alias = "ls")]
    List(list::List),
    /// Show a run and its tasks
    #[command(visible_alias = "show")]
    Get(get::Get),
    /// Follow a run to its end
    Watch(watch::Watch),
    /// Print the logs of a run's tasks
    #[command(visible_alias = "log")]
    Logs(logs::Logs),
    /// End a run and all that runs of it
    Cancel(steer::Cancel),
    /// Start no more tasks of a run; what runs goes on
    Pause(steer::Pause),
    /// Go on with a paused run
    Resume(steer::Resume),
    /// Approve a task that waits for a person
    Approve(decide::Approve),
    /// Reject a task that waits for a person
    Reject(decide::Reject),
    /// List the tasks that wait for a person
    Approvals(approvals::Approvals),
    /// Make a new run that repeats only what did not end well; all other results are taken over
    Retry(retry::Retry),
    /// Make a new run from chosen tasks on, or with other inputs; results that this does not touch are taken over
    Rerun(rerun::Rerun),
    /// Make a new run of the same file from the start; no result is taken over
    Again(again::Again),
}

impl Run {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        if self.verb.is_some() && self.submit.target.is_some() {
            return Err(Failure::usage("give a FILE or a command, not both"));
        }
        match &self.verb {
            None => self.submit.carry_out(shared, output).await,
            Some(Verb::List(list)) => list.carry_out(shared, output).await,
            Some(Verb::Get(get)) => get.carry_out(shared, output).await,
            Some(Verb::Watch(watch)) => watch.carry_out(shared, output).await,
            Some(Verb::Logs(logs)) => logs.carry_out(shared, output).await,
            Some(Verb::Cancel(cancel)) => cancel.carry_out(shared, output).await,
            Some(Verb::Pause(pause)) => pause.carry_out(shared, output).await,
            Some(Verb::Resume(resume)) => resume.carry_out(shared, output).await,
            Some(Verb::Approve(approve)) => approve.carry_out(shared, output).await,
            Some(Verb::Reject(reject)) => reject.carry_out(shared, output).await,
            Some(Verb::Approvals(approvals)) => approvals.carry_out(shared, output).await,
            Some(Verb::Retry(retry)) => retry.carry_out(shared, output).await,
            Some(Verb::Rerun(rerun)) => rerun.carry_out(shared, output).await,
            Some(Verb::Again(again)) => again.carry_out(shared, output).await,
        }
    }
}

/// The run that was named: by its id, or as `latest`.
pub(in crate::cli) async fn find_run(client: &Client, named: &str) -> Result<RunId, Failure> {
    if named != "latest" {
        return named.parse().map_err(|error| Failure::usage(format!("{error}; or write `latest`")));
    }
    let mut url = client.in_project(&["runs"]);
    url.query_pairs_mut().append_pair("limit", "1");
    let newest: Vec<emboflow_protocol::event::RunRow> = client.list(url, 1).await?;
    let none = || Failure::Other(anyhow::anyhow!("the project '{}' has no runs yet", client.project()));
    newest.first().map(|run| run.id).ok_or_else(none)
}

/// The file that a run was made from.
async fn source_of(client: &Client, run: RunId) -> Result<String, Failure> {
    let url = client.in_project(&["runs", &run.to_string(), "source"]);
    let response = client.send(client.request(Method::GET, url)).await?;
    response.text().await.map_err(|error| client.unreachable(&error))
}

/// Says which run there is now, and where people look at it.
fn announce(client: &Client, run: &RunSummary, output: &mut Output) -> std::io::Result<()> {
    use crate::output::Format;
    match output.format {
        Format::Json | Format::Jsonl | Format::Yaml => output.json(run),
        Format::Name => output.line(&run.id.to_string()),
        Format::Table | Format::Wide => {
            output.line(&format!("{} {}  {}", run.id, run.state, client.page_of(run.id)))
        }
    }
}
