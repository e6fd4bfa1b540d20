//! `emboflow run watch RUN`: to the end of a run, over the event stream.

use std::time::Duration;

use emboflow_model::RunId;
use emboflow_model::workflow::quantity;

use super::{announce, find_run};
use crate::cli::Shared;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;
use crate::watch::{Progress, RunView, RunWatch, outcome, report};

/// Follow a run to its end.
#[derive(Debug, clap::Args)]
pub(crate) struct Watch {
    /// The run, or latest
    run: String,
    #[command(flatten)]
    how: How,
}

/// When to stop watching.
#[derive(Debug, clap::Args)]
pub(super) struct How {
    /// Stop watching as soon as a task fails
    #[arg(long)]
    fail_fast: bool,
    /// Stop watching after this time, such as 10m; the run goes on
    #[arg(long, value_name = "DURATION", value_parser = read_duration)]
    timeout: Option<Duration>,
}

fn read_duration(text: &str) -> Result<Duration, String> {
    quantity::duration_ms(&text.into()).map(Duration::from_millis)
}

impl Watch {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let run = find_run(&client, &self.run).await?;
        output.message(&format!("{run}  {}", client.page_of(run)));
        watch(client, run, &self.how, output).await
    }
}

/// Follows a run; the failure tells how it ended when it did not end well.
pub(super) async fn watch(client: Client, run: RunId, how: &How, output: &mut Output) -> Result<(), Failure> {
    let mut watch = RunWatch::open(client, run).await?;
    let mut progress = Progress::begin(watch.view(), output)?;
    let followed = tokio::select! {
        followed = follow(&mut watch, &mut progress, how, output) => followed,
        () = over(how.timeout) => Err(Failure::Ended(format!("the time is over; {}", goes_on(run)))),
        _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted(goes_on(run))),
    };
    progress.end(output);
    followed?;
    report(watch.client(), watch.view(), output).await?;
    if output.is_for_programs() {
        announce(watch.client(), &watch.view().summary, output)?;
    }
    outcome(watch.view())
}

async fn follow(
    watch: &mut RunWatch,
    progress: &mut Progress,
    how: &How,
    output: &mut Output,
) -> Result<(), Failure> {
    let has_failed = |view: &RunView| how.fail_fast && view.failed().next().is_some();
    while !watch.view().summary.state.is_terminal() && !has_failed(watch.view()) {
        let changed = watch.next().await?;
        progress.show(watch.view(), &changed, output)?;
    }
    Ok(())
}

async fn over(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => tokio::time::sleep(timeout).await,
        None => std::future::pending().await,
    }
}

fn goes_on(run: RunId) -> String {
    format!("{run} goes on: `emboflow run watch {run}` follows it, `emboflow run cancel {run}` ends it")
}
