//! `emboflow executor list|cordon|drain|uncordon|forget`

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Subcommand;
use emboflow_model::ExecutorId;
use emboflow_model::workflow::quantity;
use emboflow_protocol::http::cordon::{CordonBody, CordonView, DrainBody};
use emboflow_protocol::http::{ExecutorForgotten, ExecutorView};
use reqwest::{Method, Url};

use super::Shared;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Colour, Format, Output};
use crate::text;

/// How often one that waits for an executor to become empty looks.
const LOOK_EACH: Duration = Duration::from_secs(1);

#[derive(Debug, Subcommand)]
pub(crate) enum Executor {
    /// List executors, online or not
    #[command(visible_alias = "ls")]
    List,
    /// Give an executor no new work; what runs on it goes on
    Cordon {
        /// The executor
        executor: ExecutorId,
        /// Why, for everybody who has to wait
        #[arg(long)]
        reason: String,
    },
    /// Give an executor no new work until it is empty, so that its machine can be restarted
    Drain {
        /// The executor
        executor: ExecutorId,
        /// Why, for everybody who has to wait
        #[arg(long, default_value = "it is drained")]
        reason: String,
        /// Stop what still runs after this time, such as 10m, and try it elsewhere; without it, it is waited for
        #[arg(long, value_name = "DURATION", value_parser = read_duration)]
        deadline: Option<Duration>,
        /// End as soon as it is empty
        #[arg(long)]
        wait: bool,
    },
    /// Give an executor work again
    Uncordon {
        /// The executor
        executor: ExecutorId,
    },
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
            Self::Cordon { executor, reason } => {
                let body = CordonBody { reason: reason.clone(), drain: None };
                let view = cordon(&shared.client()?, executor, &body).await?;
                tell(executor, &view, output)
            }
            Self::Drain { executor, reason, deadline, wait } => {
                let deadline_ms = deadline.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
                let body = CordonBody { reason: reason.clone(), drain: Some(DrainBody { deadline_ms }) };
                let client = shared.client()?;
                let begun = cordon(&client, executor, &body).await?;
                let view = if *wait { drained(&client, executor, begun, output).await? } else { begun };
                tell(executor, &view, output)
            }
            Self::Uncordon { executor } => {
                let client = shared.client()?;
                client.send(client.request(Method::DELETE, cordon_of(&client, executor))).await?;
                output.message(&format!("{executor} is given work again"));
                Ok(())
            }
            Self::Forget { executor } => forget(&shared.client()?, executor, output).await,
        }
    }
}

fn read_duration(text: &str) -> Result<Duration, String> {
    quantity::duration_ms(&text.into()).map(Duration::from_millis)
}

fn cordon_of(client: &Client, executor: &ExecutorId) -> Url {
    client.global(&["executors", executor.as_str(), "cordon"])
}

async fn cordon(client: &Client, executor: &ExecutorId, body: &CordonBody) -> Result<CordonView, Failure> {
    client.json(client.request(Method::PUT, cordon_of(client, executor)).json(body)).await
}

/// Looks until the executor is empty. Errors: somebody has uncordoned it, or it was forgotten.
async fn drained(
    client: &Client,
    executor: &ExecutorId,
    mut view: CordonView,
    output: &mut Output,
) -> Result<CordonView, Failure> {
    let mut told = None;
    while !view.drained {
        if let Some(left) = view.open_attempts.filter(|_| told != view.open_attempts) {
            output.message(&format!("{executor} still has {}", attempts(left)));
        }
        told = view.open_attempts;
        tokio::select! {
            () = tokio::time::sleep(LOOK_EACH) => {}
            _ = tokio::signal::ctrl_c() => {
                return Err(Failure::Interrupted(format!("{executor} is drained further; `emboflow executor uncordon {executor}` ends it")));
            }
        }
        let all: Vec<ExecutorView> = client.list(client.global(&["executors"]), usize::MAX).await?;
        let found = all.into_iter().find(|other| other.heartbeat.executor == *executor);
        view = found.and_then(|found| found.cordon).ok_or_else(|| {
            Failure::Ended(format!(
                "somebody has uncordoned {executor} or forgotten it: it may be given work"
            ))
        })?;
    }
    Ok(view)
}

fn tell(executor: &ExecutorId, view: &CordonView, output: &mut Output) -> Result<(), Failure> {
    if output.is_for_programs() {
        return Ok(output.json(view)?);
    }
    output.line(&format!("{executor} is {}: {}", cordon_state(view), view.cordon.reason))?;
    Ok(())
}

/// What a cordon has come to, in words.
fn cordon_state(view: &CordonView) -> String {
    let left = view.open_attempts.map(|left| format!(", {} left", attempts(left))).unwrap_or_default();
    match (&view.cordon.drain, view.drained) {
        (Some(_), true) => "drained".to_owned(),
        (Some(_), false) => format!("draining{left}"),
        (None, _) => format!("cordoned{left}"),
    }
}

fn attempts(count: u32) -> String {
    match count {
        1 => "1 attempt".to_owned(),
        count => format!("{count} attempts"),
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
    let word = |executor: &ExecutorView| match executor.suspect {
        true => "suspect".to_owned(),
        false => state(executor),
    };
    output.list(
        &executors,
        &header,
        |executor| executor.heartbeat.executor.to_string(),
        |executor, output| {
            let beat = &executor.heartbeat;
            let (mark, colour) = match (executor.online, &executor.cordon) {
                (false, _) if executor.suspect => ("?", Colour::Red),
                (false, _) => ("✗", Colour::Red),
                (true, Some(_)) => ("‖", Colour::Yellow),
                (true, None) => ("✓", Colour::Green),
            };
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
    match &executor.cordon {
        Some(view) => cordon_state(view),
        None => format!("{:?}", executor.heartbeat.state).to_lowercase(),
    }
}
