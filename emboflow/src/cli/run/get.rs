//! `emboflow run get RUN`

use emboflow_model::run_outputs::{OutputArtifact, RunOutputs};
use emboflow_model::{Anew, RunSummary, Task};

use super::find_run;
use crate::cli::Shared;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Format, Output};
use crate::text;

/// Show a run.
#[derive(Debug, clap::Args)]
pub(crate) struct Get {
    /// The run, or latest
    run: String,
}

impl Get {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let run = find_run(&client, &self.run).await?;
        let summary = client.run(run).await?;
        match output.format {
            Format::Json | Format::Jsonl | Format::Yaml => output.json(&summary)?,
            Format::Name => output.line(&summary.id.to_string())?,
            Format::Table | Format::Wide => {
                let tasks = client.tasks(run).await?;
                show(&client, &summary, &tasks, output)?;
            }
        }
        Ok(())
    }
}

fn show(client: &Client, run: &RunSummary, tasks: &[Task], output: &mut Output) -> Result<(), Failure> {
    let now = text::now();
    let (mark, colour) = text::run_mark(run.state);
    let took = text::duration(run.finished_at.unwrap_or(now).ms_since(run.created_at));
    let why = run.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    output.line(&format!("{} {} {}{why}", output.paint(colour, mark), run.id, run.state))?;
    output.line(&format!("workflow  {}", run.workflow))?;
    output.line(&format!(
        "created   {} ({}), took {took}",
        run.created_at,
        text::ago(run.created_at, now)
    ))?;
    if let Some(from) = run.recovered_from {
        output.line(&format!("repeats   {from}"))?;
    }
    if run.anew == Anew::Everything {
        output.line("cache     not asked: everything runs")?;
    }
    if let Some(parent) = &run.parent {
        output.line(&format!("parent    {} (task {})", parent.run, parent.task))?;
    }
    for (name, value) in run.inputs.iter() {
        output.line(&format!("input     {name} = {value}"))?;
    }
    for (name, value) in &run.labels {
        output.line(&format!("label     {name}={value}"))?;
    }
    for line in run.outputs.iter().flat_map(|outputs| gives(outputs)) {
        output.line(&format!("output    {line}"))?;
    }
    output.line(&format!("page      {}", client.page_of(run.id)))?;
    output.line("")?;
    let is_final =
        |task: &Task| run.graph.iter().any(|spec| spec.name == task.key.name && spec.finally.is_some());
    let rows = tasks.iter().map(|task| row(task, is_final(task), output)).collect();
    output.table(&["TASK", "STATE", "ATTEMPTS", "EXECUTOR", "RAN", "WHY"], rows)?;
    Ok(())
}

/// What the run gives, and for an artifact where it is.
fn gives(outputs: &RunOutputs) -> Vec<String> {
    let values = outputs.values.iter().map(|(name, value)| format!("{name} = {value}"));
    let artifacts = outputs.artifacts.iter().map(|given| {
        let OutputArtifact { task, output, artifact } = given;
        format!("{} = artifact {output} of {task} ({} files)", artifact.name, artifact.files)
    });
    values.chain(artifacts).collect()
}

fn row(task: &Task, is_final: bool, output: &Output) -> Vec<String> {
    let (mark, colour) = text::task_mark(task.state);
    let last = task.attempts.last();
    let ran = last.and_then(|attempt| {
        let from = attempt.times.started_at?;
        Some(text::duration(attempt.times.exited_at.unwrap_or_else(text::now).ms_since(from)))
    });
    let phase = task.open_attempt().map(|attempt| format!(" ({})", attempt.state)).unwrap_or_default();
    let taken = || task.taken_over_from.map(|run| format!("taken over from {run}"));
    // Of one that went well nothing else says which run carried it out.
    let child = || task.child.as_ref().map(|child| format!("{} of workflow {}", child.run, child.workflow));
    let said = task.wait_reason.clone().or_else(|| task.message.clone());
    let why = said.or_else(taken).or_else(child);
    vec![
        if is_final { format!("{} (finally)", task.key) } else { task.key.to_string() },
        format!("{} {}{phase}", output.paint(colour, mark), task.state),
        task.attempts.len().to_string(),
        last.map(|attempt| attempt.executor.to_string()).unwrap_or_default(),
        ran.unwrap_or_default(),
        why.or_else(|| task.reason.map(|reason| reason.to_string())).unwrap_or_default(),
    ]
}
