//! `emboflow run FILE|NAME`: a new run.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use emboflow_model::RunSummary;
use emboflow_model::workflow::{self, Workflow};
use emboflow_protocol::http::{RequestStatus, WorkflowView};
use emboflow_protocol::request::SubmitBody;
use emboflow_protocol::{ErrorCode, FieldError, Problem, header};
use reqwest::{Method, StatusCode, Url};
use serde::Serialize;

use super::each::Sweep;
use super::inputs::{Wrong, read_inputs, read_labels};
use super::sending::{PAUSE, insist, made_up_key, open};
use super::{announce, watch};
use crate::cli::Shared;
use crate::cli::workflow::{print_problems, read_file};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;

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
    /// One run for each line of this file (- reads standard input): a JSON object of inputs
    #[arg(long, value_name = "FILE", conflicts_with = "watch")]
    each: Option<PathBuf>,
    /// Idempotency key: the same key and file give the same run (with --each, the key of each with `-<line>` added)
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// The queue in which it waits, in place of the file's
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,
    /// Runs of one key share fairly with those of others in the project, in place of the file's key
    #[arg(long, value_name = "KEY")]
    fairness_key: Option<String>,
    /// Run tasks with `cache` although the results of other runs would do
    #[arg(long)]
    no_cache: bool,
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
        if target == "-" && self.each.as_deref() == Some(Path::new("-")) {
            return Err(Failure::usage("standard input is either the workflow file or the list, not both"));
        }
        let labels = read_labels(&self.label)?;
        let named = Named::find(target, shared, output).await?;
        let body = SubmitBody {
            labels,
            queue: self.queue.clone(),
            fairness_key: self.fairness_key.clone(),
            no_cache: self.no_cache,
            ..named.body.clone()
        };
        if let Some(list) = &self.each {
            let sweep = Sweep { named: &named, body, inputs: &self.input, key: self.key.as_deref() };
            return sweep.submit(list, output).await;
        }
        let inputs = named.inputs(serde_json::Map::new(), &self.input, output)?;
        let client = named.client;
        let body = SubmitBody { inputs, ..body };
        let run = send(&client, client.in_project(&["runs"]), &body, self.key.clone()).await?;
        finish(client, run, self.watch.then_some(&self.how), output).await
    }
}

/// The workflow that was named, and where it is to run.
pub(super) struct Named {
    pub(super) client: Client,
    workflow: Workflow,
    /// What it is called in messages.
    file: PathBuf,
    /// A request for it, without inputs and labels.
    body: SubmitBody,
}

impl Named {
    /// Reads and checks it: a file, or a workflow that the server keeps.
    async fn find(target: &str, shared: &Shared, output: &mut Output) -> Result<Self, Failure> {
        let (client, file, source, body) = match file(target) {
            Some(file) => {
                let source = read_file(&file)?;
                (None, file, source.clone(), SubmitBody { source: Some(source), ..SubmitBody::default() })
            }
            None => {
                let client = shared.client()?;
                let source = kept_source(&client, target).await?;
                let body = SubmitBody { workflow: Some(target.to_owned()), ..SubmitBody::default() };
                (Some(client), PathBuf::from(target), source, body)
            }
        };
        let parsed = workflow::parse(&source);
        let workflow = parsed.map_err(|problems| print_problems(&file, &problems, output))?;
        // What is wrong with a file is said without any server.
        let client = client.map_or_else(|| shared.client(), Ok)?;
        Ok(Self { client, workflow, file, body })
    }

    /// Checked inputs: those of before, with the pairs over them.
    pub(super) fn inputs(
        &self,
        before: serde_json::Map<String, serde_json::Value>,
        pairs: &[String],
        output: &mut Output,
    ) -> Result<serde_json::Map<String, serde_json::Value>, Failure> {
        read_inputs(&self.workflow, before, pairs).map_err(|wrong| match wrong {
            Wrong::Usage(failure) => failure,
            Wrong::Problems(problems) => print_problems(&self.file, &problems, output),
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
    let key = key.unwrap_or_else(made_up_key);
    let run = insist(&key, async || {
        let request = client.request(Method::POST, url.clone()).header(header::HTTP_IDEMPOTENCY_KEY, &key);
        match client.send(request.json(body)).await? {
            taken if taken.status() == StatusCode::ACCEPTED => Ok(None),
            decided => client.read(decided).await.map(Some),
        }
    });
    match run.await? {
        Some(run) => Ok(run),
        None => decision(client, &key).await,
    }
}

/// Waits for what the scheduler decides of a request that is safely taken.
async fn decision(client: &Client, key: &str) -> Result<RunSummary, Failure> {
    let until = Instant::now() + DECIDED_WITHIN;
    loop {
        let failure = match decided(client, key).await {
            Ok(Some(run)) => return Ok(run),
            Ok(None) => None,
            Err(failure) if failure.may_pass() => Some(failure),
            Err(failure) => return Err(failure),
        };
        if Instant::now() >= until {
            return Err(failure.map_or_else(|| undecided(key), |failure| open(&failure, key)));
        }
        tokio::time::sleep(PAUSE / 2).await;
    }
}

/// Asks for the decision; none yet is none.
async fn decided(client: &Client, key: &str) -> Result<Option<RunSummary>, Failure> {
    match client.get(client.in_project(&["requests", key])).await? {
        RequestStatus::Accepted { run_id } => client.run(run_id).await.map(Some),
        RequestStatus::Rejected { errors } => Err(rejected("it was rejected", errors)),
        RequestStatus::Pending => Ok(None),
    }
}

/// The failure of a request that the scheduler refused.
pub(super) fn rejected(what: impl Into<String>, errors: Vec<serde_json::Value>) -> Failure {
    let read = |error| serde_json::from_value::<FieldError>(error).unwrap_or_default();
    let problem = Problem::new(ErrorCode::WorkflowInvalid, what);
    Failure::Refused(Box::new(problem.with_errors(errors.into_iter().map(read).collect())))
}

/// The failure of what is safely taken, but not decided.
pub(super) fn undecided(key: &str) -> Failure {
    Failure::Pending(format!(
        "safely taken, but the scheduler has not decided yet; the same command with --key {key} asks again"
    ))
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
