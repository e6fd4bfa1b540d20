//! `emboflow run rerun RUN`

use std::path::Path;

use emboflow_model::{RunId, TaskKey, workflow};
use emboflow_protocol::http::RetryBody;
use emboflow_protocol::http::rerun::{RerunPreview, SpecPreview};
use reqwest::Method;

use super::inputs::read_given;
use super::{Asked, find_run, source_of};
use crate::cli::Shared;
use crate::cli::workflow::print_problems;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Format, Output};

/// Repeat a run from chosen tasks on, or with other inputs.
#[derive(Debug, clap::Args)]
pub(crate) struct Rerun {
    /// The run, or latest; also one that goes on: what has ended well there is taken over
    run: String,
    /// Repeat this task and all that needs it; of a fan-out, one task (`train[2]`) or all (`train`)
    #[arg(long, value_name = "TASK")]
    from: Vec<TaskKey>,
    /// Another value of an input: repeats what reads it, and all that needs that
    #[arg(long, short, value_name = "NAME=VALUE")]
    input: Vec<String>,
    /// Run what is repeated although the results of other runs would do (tasks with `cache`)
    #[arg(long)]
    no_cache: bool,
    /// Only say what would be repeated, and why
    #[arg(long, conflicts_with_all = ["watch", "key"])]
    dry_run: bool,
    #[command(flatten)]
    asked: Asked,
}

impl Rerun {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let run = find_run(&client, &self.run).await?;
        let body = self.body(&client, run, output).await?;
        let url = client.in_project(&["runs", &run.to_string(), "retry", "preview"]);
        let asked = client.send(client.request(Method::POST, url).json(&body)).await?;
        let preview: RerunPreview = client.read(asked).await?;
        if self.dry_run {
            match output.format {
                Format::Json | Format::Jsonl | Format::Yaml => output.json(&preview)?,
                _ => lines(&preview).iter().try_for_each(|line| output.line(line))?,
            }
            return Ok(());
        }
        for line in lines(&preview) {
            output.message(&line);
        }
        let url = client.in_project(&["runs", &run.to_string(), "retry"]);
        self.asked.make(client, url, &body, output).await
    }

    async fn body(&self, client: &Client, run: RunId, output: &mut Output) -> Result<RetryBody, Failure> {
        let mut body =
            RetryBody { tasks: self.from.clone(), no_cache: self.no_cache, ..RetryBody::default() };
        if !self.input.is_empty() {
            let source = source_of(client, run).await?;
            let parsed = workflow::parse(&source)
                .map_err(|problems| print_problems(Path::new(&self.run), &problems, output))?;
            body.inputs = read_given(&parsed.file.inputs, &self.input)?;
        }
        Ok(body)
    }
}

/// What is repeated, with the reasons, and what is taken over.
fn lines(preview: &RerunPreview) -> Vec<String> {
    let repeats = preview.specs.iter().filter(|spec| spec.taken_over < spec.tasks);
    let repeats = repeats.map(|spec| {
        let part = part(spec, spec.tasks - spec.taken_over);
        format!("repeats     {part}: {}", spec.reason())
    });
    let kept = preview.specs.iter().filter(|spec| spec.taken_over > 0);
    repeats.chain(kept.map(|spec| format!("takes over  {}", part(spec, spec.taken_over)))).collect()
}

/// The TaskSpec, and how many of its tasks where they are not all.
fn part(spec: &SpecPreview, tasks: u32) -> String {
    match spec.tasks == tasks {
        true => spec.name.to_string(),
        false => format!("{} ({tasks} of {})", spec.name, spec.tasks),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated_and_taken_over_is_told_with_the_reason() {
        let preview = r#"{ "inputs": {}, "changed": ["rate"], "specs": [
            { "name": "prepare", "tasks": 1, "taken_over": 1 },
            { "name": "train", "tasks": 4, "taken_over": 3, "why": "ended_badly" },
            { "name": "measure", "tasks": 1, "taken_over": 0, "why": "inputs", "inputs": ["rate"] },
            { "name": "report", "tasks": 1, "taken_over": 0, "why": "needs", "task": "train" } ] }"#;
        let told = lines(&serde_json::from_str(preview).unwrap());
        let wanted = [
            "repeats     train (1 of 4): did not end well",
            "repeats     measure: reads rate, which changed",
            "repeats     report: needs train",
            "takes over  prepare",
            "takes over  train (3 of 4)",
        ];
        assert_eq!(told, wanted);
    }
}
