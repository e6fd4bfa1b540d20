//! `emboflow run cancel|pause|resume RUN`

use emboflow_model::{RunState, RunSummary};
use emboflow_protocol::http::{CancelBody, ReasonBody};
use reqwest::{Method, StatusCode};
use serde::Serialize;

use super::{announce, find_run};
use crate::cli::Shared;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;
use crate::watch::RunWatch;

/// End a run.
#[derive(Debug, clap::Args)]
pub(crate) struct Cancel {
    #[command(flatten)]
    what: What,
    /// Wait until nothing of it runs any more
    #[arg(long)]
    wait: bool,
    /// Leave out its `finally` tasks, or stop them
    #[arg(long)]
    skip_finally: bool,
}

/// Pause a run.
#[derive(Debug, clap::Args)]
pub(crate) struct Pause {
    #[command(flatten)]
    what: What,
}

/// Go on with a run.
#[derive(Debug, clap::Args)]
pub(crate) struct Resume {
    #[command(flatten)]
    what: What,
}

#[derive(Debug, clap::Args)]
struct What {
    /// The run, or latest
    run: String,
    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl What {
    async fn ask(&self, client: &Client, verb: &str, body: &impl Serialize) -> Result<RunSummary, Failure> {
        let run = find_run(client, &self.run).await?;
        let url = client.in_project(&["runs", &run.to_string(), verb]);
        let response = client.send(client.request(Method::POST, url).json(body)).await?;
        if response.status() == StatusCode::ACCEPTED {
            return Err(Failure::Pending("safely taken, but the scheduler has not decided yet".to_owned()));
        }
        client.read(response).await
    }

    async fn carry_out(&self, verb: &str, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let body = ReasonBody { reason: self.reason.clone() };
        let run = self.ask(&client, verb, &body).await?;
        Ok(announce(&client, &run, output)?)
    }
}

impl Cancel {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let body = CancelBody { reason: self.what.reason.clone(), skip_finally: self.skip_finally };
        let run = self.what.ask(&client, "cancel", &body).await?;
        if !self.wait {
            return Ok(announce(&client, &run, output)?);
        }
        let mut watch = RunWatch::open(client.clone(), run.id).await?;
        while !watch.view().summary.state.is_terminal() {
            watch.next().await?;
        }
        announce(&client, &watch.view().summary, output)?;
        match watch.view().summary.state {
            RunState::Cancelled => Ok(()),
            state => Err(Failure::Other(anyhow::anyhow!("the run had {state} before it could be cancelled"))),
        }
    }
}

impl Pause {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        self.what.carry_out("pause", shared, output).await
    }
}

impl Resume {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        self.what.carry_out("resume", shared, output).await
    }
}
