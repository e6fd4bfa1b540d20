//! `emboflow executor list|forget`

use std::collections::BTreeMap;

use clap::Subcommand;
use emboflow_model::ExecutorId;
use emboflow_protocol::http::{ExecutorForgotten, ExecutorView};
use reqwest::Method;

use super::Shared;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Colour, Format, Output};
use crate::text;

#[derive(Debug, Subcommand)]
pub(crate) enum Executor {
    /// List executors, online or not
    #[command(visible_alias = "ls")]
    List,
    /// Give up an executor that will never come back: its open attempts are lost, and their tasks try again
    Forget {
        /// The executor; it must be offline
        executor: ExecutorId,
    },
}

impl Executor {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        match self {
            Self::List => list(&shared.client()?, output).await,
            Self::Forget { executor } => forget(&shared.client()?, executor, output).await,
        }
    }
}

async fn forget(client: &Client, executor: &ExecutorId, output: &mut Output) -> Result<(), Failure> {
    let url = client.global(&["executors", executor.as_str(), "forget"]);
    let forgotten: ExecutorForgotten = client.json(client.request(Method::POST, url)).await?;
    if output.is_for_programs() {
        return Ok(output.json(&forgotten)?);
    }
    let lost = match forgotten.lost_attempts {
        0 => "no attempt was open".to_owned(),
        1 => "1 open attempt is lost".to_owned(),
        count => format!("{count} open attempts are lost"),
    };
    output.text(&format!("{executor} is forgotten; {lost}\n"))?;
    Ok(())
}

async fn list(client: &Client, output: &mut Output) -> Result<(), Failure> {
    let executors: Vec<ExecutorView> = client.list(client.global(&["executors"]), usize::MAX).await?;
    if executors.is_empty() && !output.is_for_programs() {
        output.message("no executor has been heard of yet; `emboflow doctor` looks at the container engine");
    }
    let is_wide = output.format == Format::Wide;
    let mut header =
        vec!["EXECUTOR", "STATE", "POOL", "RUNTIME", "ATTEMPTS", "CPU", "MEMORY", "DISK FREE", "SEEN"];
    if is_wide {
        header.extend(["GPU", "VERSION", "LABELS", "TAINTS"]);
    }
    let word = |executor: &ExecutorView| if executor.online { state(executor) } else { "offline".to_owned() };
    output.list(
        &executors,
        &header,
        |executor| executor.heartbeat.executor.to_string(),
        |executor, output| {
            let beat = &executor.heartbeat;
            let (mark, colour) = if executor.online { ("✓", Colour::Green) } else { ("✗", Colour::Red) };
            let mut row = vec![
                beat.executor.to_string(),
                format!("{} {}", output.paint(colour, mark), word(executor)),
                beat.pool.to_string(),
                beat.runtime.clone(),
                format!("{}/{}", beat.attempts.len(), beat.slots),
                format!("{}/{}", text::cores(beat.used.cpu_millis), text::cores(beat.capacity.cpu_millis)),
                format!("{}/{}", text::size(beat.used.memory_bytes), text::size(beat.capacity.memory_bytes)),
                text::size(beat.disk.free_bytes),
                format!("{} ago", text::duration(executor.age_ms)),
            ];
            if is_wide {
                row.extend([
                    format!("{}/{}", beat.used.gpu, beat.capacity.gpu),
                    beat.version.clone(),
                    pairs(&beat.labels),
                    pairs(&beat.taints),
                ]);
            }
            row
        },
    )?;
    Ok(())
}

fn pairs(labels: &BTreeMap<String, String>) -> String {
    labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
}

fn state(executor: &ExecutorView) -> String {
    format!("{:?}", executor.heartbeat.state).to_lowercase()
}
