//! `emboflow run approve|reject RUN [TASK]`

use emboflow_model::{RunId, RunSummary, Task, TaskKey};
use emboflow_protocol::http::approval::DecisionBody;
use reqwest::{Method, StatusCode};
use serde_json::Map;

use super::find_run;
use super::inputs::read_given;
use crate::cli::Shared;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;

/// Approve a task.
#[derive(Debug, clap::Args)]
pub(crate) struct Approve {
    #[command(flatten)]
    what: What,
    /// Value of an input that the approval asks for
    #[arg(long, short, value_name = "NAME=VALUE")]
    input: Vec<String>,
}

/// Reject a task.
#[derive(Debug, clap::Args)]
pub(crate) struct Reject {
    #[command(flatten)]
    what: What,
}

#[derive(Debug, clap::Args)]
struct What {
    /// The run, or latest
    run: String,
    /// The task; may be left out where only one waits
    task: Option<TaskKey>,
    /// What there is to say to it, for the history
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
}

impl What {
    /// The task that was named, or the only one that waits.
    async fn task(&self, client: &Client, run: RunId) -> Result<TaskKey, Failure> {
        if let Some(task) = &self.task {
            return Ok(task.clone());
        }
        let waiting = client.run(run).await?.approvals;
        let named: Vec<String> = waiting.iter().map(TaskKey::to_string).collect();
        match waiting.into_iter().next() {
            Some(task) if named.len() == 1 => Ok(task),
            Some(_) => {
                let tasks = named.join(", ");
                Err(Failure::usage(format!("several tasks of {run} wait for a decision, name one: {tasks}")))
            }
            None => Err(Failure::usage(format!("no task of {run} waits for a decision"))),
        }
    }

    async fn send(
        &self,
        client: &Client,
        run: RunId,
        task: &TaskKey,
        body: DecisionBody,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let url = client.in_project(&["runs", &run.to_string(), "tasks", &task.to_string(), "decision"]);
        let response = client.send(client.request(Method::POST, url).json(&body)).await?;
        if response.status() == StatusCode::ACCEPTED {
            return Err(Failure::Pending("safely taken, but the scheduler has not decided yet".to_owned()));
        }
        let done = if body.approve { "approved" } else { "rejected" };
        let run: RunSummary = client.read(response).await?;
        Ok(output.one(&run, &run.id.to_string(), |output| {
            output.line(&format!("{done} {task}: {} is {}  {}", run.id, run.state, client.page_of(run.id)))
        })?)
    }
}

impl Approve {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let run = find_run(&client, &self.what.run).await?;
        let task = self.what.task(&client, run).await?;
        let inputs = match self.input.is_empty() {
            true => Map::new(),
            false => {
                let url = client.in_project(&["runs", &run.to_string(), "tasks", &task.to_string()]);
                let asked = client.get::<Task>(url).await?.approval.map(|approval| approval.question.inputs);
                read_given(&asked.unwrap_or_default(), &self.input)?
            }
        };
        let body = DecisionBody { approve: true, inputs, comment: self.what.comment.clone() };
        self.what.send(&client, run, &task, body, output).await
    }
}

impl Reject {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let run = find_run(&client, &self.what.run).await?;
        let task = self.what.task(&client, run).await?;
        let body = DecisionBody { approve: false, inputs: Map::new(), comment: self.what.comment.clone() };
        self.what.send(&client, run, &task, body, output).await
    }
}
