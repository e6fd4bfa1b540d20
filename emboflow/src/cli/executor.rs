//! `emboflow executor list`

use clap::Subcommand;
use emboflow_protocol::http::ExecutorView;

use super::Shared;
use crate::failure::Failure;
use crate::output::{Colour, Format, Output};
use crate::text;

#[derive(Debug, Subcommand)]
pub(crate) enum Executor {
    /// List executors, online or not
    #[command(visible_alias = "ls")]
    List,
}

impl Executor {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let Self::List = self;
        let client = shared.client()?;
        let executors: Vec<ExecutorView> = client.list(client.global(&["executors"]), usize::MAX).await?;
        if executors.is_empty() && !output.is_for_programs() {
            output.message(
                "no executor has been heard of yet; `emboflow doctor` looks at the container engine",
            );
        }
        let is_wide = output.format == Format::Wide;
        let mut header =
            vec!["EXECUTOR", "STATE", "POOL", "RUNTIME", "ATTEMPTS", "CPU", "MEMORY", "DISK FREE", "SEEN"];
        if is_wide {
            header.extend(["VERSION", "LABELS"]);
        }
        let word =
            |executor: &ExecutorView| if executor.online { state(executor) } else { "offline".to_owned() };
        output.list(
            &executors,
            &header,
            |executor| executor.heartbeat.executor.to_string(),
            |executor, output| {
                let beat = &executor.heartbeat;
                let (mark, colour) =
                    if executor.online { ("✓", Colour::Green) } else { ("✗", Colour::Red) };
                let mut row = vec![
                    beat.executor.to_string(),
                    format!("{} {}", output.paint(colour, mark), word(executor)),
                    beat.pool.to_string(),
                    beat.runtime.clone(),
                    format!("{}/{}", beat.attempts.len(), beat.slots),
                    format!(
                        "{}/{}",
                        text::cores(beat.used.cpu_millis),
                        text::cores(beat.capacity.cpu_millis)
                    ),
                    format!(
                        "{}/{}",
                        text::size(beat.used.memory_bytes),
                        text::size(beat.capacity.memory_bytes)
                    ),
                    text::size(beat.disk.free_bytes),
                    format!("{} ago", text::duration(executor.age_ms)),
                ];
                if is_wide {
                    let labels = beat.labels.iter().map(|(name, value)| format!("{name}={value}"));
                    row.extend([beat.version.clone(), labels.collect::<Vec<_>>().join(",")]);
                }
                row
            },
        )?;
        Ok(())
    }
}

fn state(executor: &ExecutorView) -> String {
    format!("{:?}", executor.heartbeat.state).to_lowercase()
}
