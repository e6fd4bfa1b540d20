//! `emboflow explain RUN`

use emboflow_protocol::forecast::RunForecast;
use emboflow_protocol::http::explanation::{RunExplanation, TaskExplanation};
use emboflow_protocol::position::Position;
use serde::Serialize;

use super::Shared;
use super::run::find_run;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Colour, Output};
use crate::text;

/// Tasks that people are shown at most; `-o json` has more.
const SHOWN: usize = 20;

/// Says why tasks of a run wait, when they should start, and what stands between one of them and each executor.
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// The run, or latest
    run: String,
    /// The task to look at closely, such as `train[3]` [default: the first one that is ready]
    #[arg(long, short, value_name = "TASK")]
    task: Option<String>,
    /// Do not look ahead, which takes some seconds
    #[arg(long)]
    quick: bool,
}

/// All that is told.
#[derive(Serialize)]
struct Explained {
    #[serde(flatten)]
    now: RunExplanation,
    #[serde(skip_serializing_if = "Option::is_none")]
    forecast: Option<RunForecast>,
}

impl Explain {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let now = self.ask(&client).await?;
        let forecast = match self.quick || now.waits.is_empty() {
            true => None,
            false => self.look_ahead(&client, &now, output).await?,
        };
        let explained = Explained { now, forecast };
        let id = explained.now.run.to_string();
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

    /// What is known now is worth telling also when nobody can look ahead.
    async fn look_ahead(
        &self,
        client: &Client,
        now: &RunExplanation,
        output: &mut Output,
    ) -> Result<Option<RunForecast>, Failure> {
        match client.get(client.in_project(&["runs", &now.run.to_string(), "forecast"])).await {
            Ok(forecast) => Ok(Some(forecast)),
            Err(failure @ Failure::Refused(_)) => {
                output.message(&format!("nobody can look ahead now: {}", failure.reason()));
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }
}

impl Explained {
    fn start_of(&self, task: &emboflow_model::TaskKey) -> Option<String> {
        let forecast = self.forecast.as_ref()?;
        let found = forecast.tasks.iter().find(|one| one.task == *task)?;
        Some(found.start.in_words(forecast.at, text::duration))
    }
}

fn show(explained: &Explained, output: &mut Output) -> std::io::Result<()> {
    let RunExplanation { run, state, waits, task } = &explained.now;
    if waits.is_empty() && state.is_terminal() {
        output.line(&format!("{run} is {state}: nothing of it waits"))?;
    } else if waits.is_empty() {
        output.line(&format!("{run} is {state}, and nothing of it waits"))?;
    }
    if let Some(task) = task {
        show_task(task, explained, output)?;
    }
    let others: Vec<_> =
        waits.iter().filter(|wait| task.as_ref().is_none_or(|task| task.task != wait.task)).collect();
    if !others.is_empty() {
        output.line("")?;
        let rows = others.iter().take(SHOWN).map(|wait| {
            let state = wait.state.map(|state| state.to_string()).unwrap_or_default();
            let start = explained.start_of(&wait.task).unwrap_or_default();
            vec![wait.task.to_string(), state, start, wait.wait_reason.clone()]
        });
        output.table(&["TASK", "STATE", "STARTS", "WAITS BECAUSE"], rows.collect())?;
    }
    if others.len() > SHOWN {
        output.line(&format!("… and {} more", others.len() - SHOWN))?;
    }
    show_end(explained, output)
}

fn show_end(explained: &Explained, output: &mut Output) -> std::io::Result<()> {
    let Some(forecast) = &explained.forecast else { return Ok(()) };
    output.line("")?;
    if let Some(end) = &forecast.end {
        let end = end.in_words(forecast.at, text::duration);
        output.line(&format!("the run ends {end}, if nothing new comes"))?;
    }
    if !forecast.unknown.is_empty() {
        output
            .line(&format!("nothing is known yet of how long these take: {}", forecast.unknown.join(", ")))?;
    }
    Ok(())
}

fn show_task(task: &TaskExplanation, explained: &Explained, output: &mut Output) -> std::io::Result<()> {
    let Some(why) = &task.wait_reason else {
        return output.line(&format!("{} is {}: it does not wait", task.task, task.state));
    };
    output.line(&format!("{} waits: {why}", output.paint(Colour::Bold, &task.task.to_string())))?;
    if let Some(position) = &task.position {
        output.line(&format!("position  {position}{}", why_estimate(position)))?;
    }
    if let Some(start) = explained.start_of(&task.task) {
        output.line(&format!("starts    {start}"))?;
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
