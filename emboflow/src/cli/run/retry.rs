//! `emboflow run retry RUN`

use emboflow_model::TaskKey;
use emboflow_protocol::http::RetryBody;

use super::{find_run, submit, watch};
use crate::cli::Shared;
use crate::failure::Failure;
use crate::output::Output;

/// Repeat what failed.
#[derive(Debug, clap::Args)]
pub(crate) struct Retry {
    /// The run, or latest
    run: String,
    /// Repeat from this task on instead of from what failed
    #[arg(long, value_name = "TASK")]
    task: Vec<TaskKey>,
    /// Idempotency key
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Follow the new run to its end
    #[arg(long, short)]
    watch: bool,
    #[command(flatten)]
    how: watch::How,
}

impl Retry {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let run = find_run(&client, &self.run).await?;
        let url = client.in_project(&["runs", &run.to_string(), "retry"]);
        let body = RetryBody { tasks: self.task.clone() };
        let new = submit::send(&client, url, &body, self.key.clone()).await?;
        submit::finish(client, new, self.watch.then_some(&self.how), output).await
    }
}
