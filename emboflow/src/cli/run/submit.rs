//! `emboflow run FILE|NAME`: a new run.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use emboflow_model::workflow::{self, Workflow};
use emboflow_model::{RunId, RunSummary};
use emboflow_protocol::http::{RequestStatus, WorkflowView};
use emboflow_protocol::request::SubmitBody;
use emboflow_protocol::{FieldError, Problem, header};
use reqwest::{Method, StatusCode, Url};
use serde::Serialize;
use uuid::Uuid;

use super::inputs::{Wrong, read_inputs, read_labels};
use super::{announce, watch};
use crate::cli::Shared;
use crate::cli::workflow::{print_problems, read_file};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;

/// Times that a request is sent when nothing answers; its key makes that safe.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
/// How long to wait for a decision that did not come with the answer.
const DECIDED_WITHIN: Duration = Duration::from_secs(30);

/// Submit a run.
#[derive(Debug, clap::Args)]
pub(crate) struct Submit {
    /// Workflow file (- reads standard input), or the name of a workflow that the server keeps
    #[arg(value_name = "FILE|NAME")]
    pub(super) target: Option<String>,
    /// Value of an input
    #[arg(long, short, value_name = "NAME=VALUE")]
    input: Vec<String>,
    /// Label of the run
    #[arg(long, short, value_name = "NAME=VALUE")]
    label: Vec<String>,
    /// Idempotency key: the same key and file give the same run
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Follow the run to its end; ends with 5 when it fails
    #[arg(long, short)]
    watch: bool,
    #[command(flatten)]
    how: watch::How,
}

impl Submit {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let Some(target) = &self.target else {
            return Err(Failure::usage(
                "give a workflow FILE, or one of the commands list, get, watch, logs, cancel …",
            ));
        };
        let labels = read_labels(&self.label)?;
        let file = file(target);
        let (body, client) = match &file {
            Some(file) => {
                let source = read_file(file)?;
                let parsed = workflow::parse(&source);
                let parsed = parsed.map_err(|problems| print_problems(file, &problems, output))?;
                let inputs = self.inputs(&parsed, file, output)?;
                (
                    SubmitBody { source: Some(source), inputs, labels, ..SubmitBody::default() },
                    shared.client()?,
                )
            }
            None => {
                let client = shared.client()?;
                let source = kept_source(&client, target).await?;
                let parsed = workflow::parse(&source);
                let named = Path::new(target);
                let parsed = parsed.map_err(|problems| print_problems(named, &problems, output))?;
                let inputs = self.inputs(&parsed, named, output)?;
                (
                    SubmitBody { workflow: Some(target.clone()), inputs, labels, ..SubmitBody::default() },
                    client,
                )
            }
        };
        let run = send(&client, client.in_project(&["runs"]), &body, self.key.clone()).await?;
        finish(client, run, self.watch.then_some(&self.how), output).await
    }

    fn inputs(
        &self,
        workflow: &Workflow,
        file: &Path,
        output: &mut Output,
    ) -> Result<serde_json::Map<String, serde_json::Value>, Failure> {
        read_inputs(workflow, serde_json::Map::new(), &self.input).map_err(|wrong| match wrong {
            Wrong::Usage(failure) => failure,
            Wrong::Problems(problems) => print_problems(file, &problems, output),
        })
    }
}

/// A file when it is there or looks like one; otherwise a name.
fn file(target: &str) -> Option<PathBuf> {
    let path = Path::new(target);
    let looks_like_one = target == "-"
        || target.contains(['/', '\\'])
        || path
            .extension()
            .is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known));
    (looks_like_one || path.is_file()).then(|| path.to_owned())
}

async fn kept_source(client: &Client, name: &str) -> Result<String, Failure> {
    let kept = client.get::<WorkflowView>(client.in_project(&["workflows", name])).await;
    match kept {
        Ok(kept) => Ok(kept.source.unwrap_or_default()),
        Err(Failure::Refused(problem)) if problem.status == 404 => {
            let detail = format!("there is no file '{name}', and the server keeps no workflow of that name");
            Err(Failure::Refused(Box::new(Problem { detail: Some(detail), ..*problem })))
        }
        Err(failure) => Err(failure),
    }
}

/// Shows a new run, or follows it.
pub(super) async fn finish(
    client: Client,
    run: RunSummary,
    watched: Option<&watch::How>,
    output: &mut Output,
) -> Result<(), Failure> {
    match watched {
        None => Ok(announce(&client, &run, output)?),
        Some(how) => {
            output.message(&format!("{}  {}", run.id, client.page_of(run.id)));
            watch::watch(client, run.id, how, output).await
        }
    }
}

/// Sends a request for a new run; repeated safely under one key when nothing answers.
pub(super) async fn send(
    client: &Client,
    url: Url,
    body: &impl Serialize,
    key: Option<String>,
) -> Result<RunSummary, Failure> {
    let key = key.unwrap_or_else(|| Uuid::new_v4().simple().to_string());
    for left in (0..TRIES).rev() {
        let request = client.request(Method::POST, url.clone()).header(header::HTTP_IDEMPOTENCY_KEY, &key);
        match client.send(request.json(body)).await {
            Ok(response) if response.status() == StatusCode::ACCEPTED => return decision(client, &key).await,
            Ok(response) => return client.read(response).await,
            Err(Failure::Refused(problem)) if problem.retryable && left > 0 => {}
            Err(Failure::Unreachable { .. }) if left > 0 => {}
            Err(failure) => return Err(failure),
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(Failure::Pending(format!("nothing answers; send it again with --key {key}")))
}

/// Waits for what the scheduler decides of a request that is safely taken.
async fn decision(client: &Client, key: &str) -> Result<RunSummary, Failure> {
    let until = Instant::now() + DECIDED_WITHIN;
    let url = client.in_project(&["requests", key]);
    while Instant::now() < until {
        match client.get(url.clone()).await? {
            RequestStatus::Accepted { run_id } => return accepted(client, run_id).await,
            RequestStatus::Rejected { errors } => {
                let read = |error| serde_json::from_value::<FieldError>(error).unwrap_or_default();
                let problem = Problem::new(emboflow_protocol::ErrorCode::WorkflowInvalid, "it was rejected");
                return Err(Failure::Refused(Box::new(
                    problem.with_errors(errors.into_iter().map(read).collect()),
                )));
            }
            RequestStatus::Pending => tokio::time::sleep(PAUSE / 2).await,
        }
    }
    Err(Failure::Pending(format!(
        "safely taken, but the scheduler has not decided yet; the same command with --key {key} asks again"
    )))
}

async fn accepted(client: &Client, run: RunId) -> Result<RunSummary, Failure> {
    client.run(run).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_file_is_one_and_a_bare_word_is_a_name() {
        for named in ["a.yaml", "./a", "-", "x/y", "w.json"] {
            assert!(file(named).is_some(), "{named}");
        }
        assert!(file("digits").is_none());
    }
}
