//! `emboflow run again RUN`

use std::path::Path;

use emboflow_model::workflow;
use emboflow_protocol::request::SubmitBody;

use super::inputs::{Wrong, read_inputs};
use super::{Asked, find_run, source_of};
use crate::cli::Shared;
use crate::cli::workflow::print_problems;
use crate::failure::Failure;
use crate::output::Output;

/// Run the same file once more, from the start.
#[derive(Debug, clap::Args)]
pub(crate) struct Again {
    /// The run, or latest
    run: String,
    /// Another value of an input
    #[arg(long, short, value_name = "NAME=VALUE")]
    input: Vec<String>,
    /// Run tasks with `cache` although the results of other runs would do
    #[arg(long)]
    no_cache: bool,
    #[command(flatten)]
    asked: Asked,
}

impl Again {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let run = find_run(&client, &self.run).await?;
        let before = client.run(run).await?;
        let source = source_of(&client, run).await?;
        let named = Path::new(before.workflow.as_str());
        let parsed = workflow::parse(&source).map_err(|problems| print_problems(named, &problems, output))?;
        // An optional input that was not given is null.
        let given = before.inputs.iter().filter(|(_, value)| !value.is_null());
        let before_inputs = given.map(|(name, value)| (name.clone(), value.clone())).collect();
        let inputs = read_inputs(&parsed, before_inputs, &self.input).map_err(|wrong| match wrong {
            Wrong::Usage(failure) => failure,
            Wrong::Problems(problems) => print_problems(named, &problems, output),
        })?;
        let body = SubmitBody {
            source: Some(source),
            inputs,
            labels: before.labels,
            queue: Some(before.queue.to_string()),
            fairness_key: before.fairness_key,
            no_cache: self.no_cache,
            ..SubmitBody::default()
        };
        let url = client.in_project(&["runs"]);
        self.asked.make(client, url, &body, output).await
    }
}
