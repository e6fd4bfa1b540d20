//! `emboflow doctor`: what keeps EmboFlow from working on this machine, and what to do about it.

pub(crate) mod engine;
mod machine;
mod server;
mod tree;

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use serde::Serialize;

use crate::cli::Shared;
use crate::failure::Failure;
use crate::output::{Colour, Output};

/// Look for what keeps EmboFlow from working.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The Docker engine for tasks
    #[arg(long, value_name = "unix://SOCKET", env = "DOCKER_HOST")]
    docker_host: Option<String>,
    /// The nats-server program [default: the one on the PATH]
    #[arg(long, value_name = "FILE", env = "EMBOFLOW_NATS_BIN", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    nats_bin: Option<PathBuf>,
}

/// What a look came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    Warning,
    Failed,
    Skipped,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
struct Finding {
    name: String,
    verdict: Verdict,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Finding {
    fn new(name: &str, verdict: Verdict, detail: impl Into<String>) -> Self {
        Self { name: name.to_owned(), verdict, detail: detail.into(), hint: None }
    }

    fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// Looks at everything, and fails when something does not work.
pub(crate) async fn doctor(options: &Options, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
    let mut findings = vec![
        machine::engine(options.docker_host.as_deref()).await,
        machine::nats_server(options.nats_bin.as_deref()).await,
        machine::disk(shared.data_dir()),
    ];
    findings.extend(server::look(shared).await);
    if output.is_for_programs() {
        output.list(&findings, &[], |finding| finding.name.clone(), |_, _| Vec::new())?;
    } else {
        say(&findings, output)?;
    }
    if findings.iter().any(|finding| finding.verdict == Verdict::Failed) {
        Err(Failure::Said)
    } else {
        Ok(())
    }
}

fn say(findings: &[Finding], output: &mut Output) -> std::io::Result<()> {
    let width = findings.iter().map(|finding| finding.name.chars().count()).max().unwrap_or(0);
    for finding in findings {
        let (mark, colour) = match finding.verdict {
            Verdict::Ok => ("✓", Colour::Green),
            Verdict::Warning => ("!", Colour::Yellow),
            Verdict::Failed => ("✗", Colour::Red),
            Verdict::Skipped => ("–", Colour::Grey),
        };
        output.line(&format!(
            "{} {:width$}  {}",
            output.paint(colour, mark),
            finding.name,
            finding.detail
        ))?;
        if let Some(hint) = &finding.hint {
            output.line(&format!("  {:width$}  → {hint}", ""))?;
        }
    }
    let failed = findings.iter().filter(|finding| finding.verdict == Verdict::Failed).count();
    match failed {
        0 => output.line("nothing stands in the way"),
        1 => output.line("1 thing stands in the way"),
        more => output.line(&format!("{more} things stand in the way")),
    }
}
