//! `emboflow explain RUN`

use emboflow_protocol::http::explanation::{RunExplanation, TaskExplanation};
use emboflow_protocol::position::Position;

use super::Shared;
use super::run::find_run;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Colour, Output};

/// Tasks that people are shown at most; `-o json` has more.
const SHOWN: usize = 20;

/// Says why tasks of a run wait, where one of them stands, and what stands between it and each executor.
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// The run, or latest
    run: String,
    /// The task to look at closely, such as train[3] [default: the first one that is ready]
    #[arg(long, short, value_name = "TASK")]
    task: Option<String>,
}

impl Explain {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let explained = self.ask(&client).await?;
        let id = explained.run.to_string();
        output.one(&explained, &id, |output| show(&explained, output))?;
        Ok(())
    }

    async fn ask(&self, client: &Client) -> Result<RunExplanation, Failure> {
        let run = find_run(client, &self.run).await?;
        let mut url = client.in_project(&["runs", &run.to_string(), "explanation"]);
        if let Some(task) = &self.task {
            url.query_pairs_mut().append_pair("task", task);
        }
        client.get(url).await
    }
}

fn show(explained: &RunExplanation, output: &mut Output) -> std::io::Result<()> {
    let RunExplanation { run, state, waits, task } = explained;
    if waits.is_empty() && state.is_terminal() {
        output.line(&format!("{run} is {state}: nothing of it waits"))?;
    } else if waits.is_empty() {
        output.line(&format!("{run} is {state}, and nothing of it waits"))?;
    }
    if let Some(task) = task {
        show_task(task, output)?;
    }
    let others: Vec<_> =
        waits.iter().filter(|wait| task.as_ref().is_none_or(|task| task.task != wait.task)).collect();
    if others.is_empty() {
        return Ok(());
    }
    output.line("")?;
    let rows = others.iter().take(SHOWN).map(|wait| {
        let state = wait.state.map(|state| state.to_string()).unwrap_or_default();
        vec![wait.task.to_string(), state, wait.wait_reason.clone()]
    });
    output.table(&["TASK", "STATE", "WAITS BECAUSE"], rows.collect())?;
    if others.len() > SHOWN {
        output.line(&format!("… and {} more", others.len() - SHOWN))?;
    }
    Ok(())
}

fn show_task(task: &TaskExplanation, output: &mut Output) -> std::io::Result<()> {
    let Some(why) = &task.wait_reason else {
        return output.line(&format!("{} is {}: it does not wait", task.task, task.state));
    };
    output.line(&format!("{} waits: {why}", output.paint(Colour::Bold, &task.task.to_string())))?;
    if let Some(position) = &task.position {
        output.line(&format!("position  {position}{}", why_estimate(position)))?;
    }
    if let Some(advice) = &task.advice {
        output.line(&format!("help      {advice}"))?;
    }
    if task.verdicts.is_empty() {
        return Ok(());
    }
    output.line("")?;
    let rows = task.verdicts.iter().map(|verdict| {
        let (colour, mark) = if verdict.fits { (Colour::Green, "✓") } else { (Colour::Red, "✗") };
        vec![verdict.executor.to_string(), output.paint(colour, mark), verdict.why.clone()]
    });
    let rows = rows.collect();
    output.table(&["EXECUTOR", "FITS", "WHY"], rows)
}

fn why_estimate(position: &Position) -> &'static str {
    if position.is_estimate { ", as shares and room are now" } else { "" }
}
