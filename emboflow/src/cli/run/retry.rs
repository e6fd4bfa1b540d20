//! `emboflow run retry RUN`

use emboflow_model::TaskKey;
use emboflow_protocol::http::RetryBody;

use super::{Asked, find_run};
use crate::cli::Shared;
use crate::failure::Failure;
use crate::output::Output;

/// Repeat what did not end well.
#[derive(Debug, clap::Args)]
pub(crate) struct Retry {
    /// The run, or latest
    run: String,
    /// As `emboflow run rerun --from`
    #[arg(long, value_name = "TASK", hide = true)]
    task: Vec<TaskKey>,
    /// Run what is repeated although the results of other runs would do (tasks with `cache`)
    #[arg(long)]
    no_cache: bool,
    #[command(flatten)]
    asked: Asked,
}

impl Retry {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let run = find_run(&client, &self.run).await?;
        let url = client.in_project(&["runs", &run.to_string(), "retry"]);
        let body = RetryBody { tasks: self.task.clone(), no_cache: self.no_cache, ..RetryBody::default() };
        self.asked.make(client, url, &body, output).await
    }
}
