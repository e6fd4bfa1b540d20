//! The command line: what can be asked, where it goes, and the exit code.

mod artifact;
mod completion;
mod executor;
mod run;
mod schema;
mod system;
mod workflow;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, CommandFactory, Parser, Subcommand};
use emboflow_service::tls;

use crate::client::{Client, Target};
use crate::doctor;
use crate::failure::Failure;
use crate::output::{Format, Output};
use crate::up::{self, nats::child};

/// Where an installation lies when nothing else is said.
pub(crate) const DEFAULT_DATA_DIR: &str = ".emboflow";

/// An empty variable says nothing.
fn data_dir(text: OsString) -> PathBuf {
    if text.is_empty() { DEFAULT_DATA_DIR.into() } else { text.into() }
}

/// Runs workflows of containers on your own machines
#[derive(Debug, Parser)]
#[command(
    name = "emboflow",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong use, 3 cancelled or timed out, 4 sign-in needed, \
                        5 the watched run failed, 8 not decided yet, 130 Ctrl-C."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    shared: Shared,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Shared {
    /// Folder of the installation; clients find the server by its up.json
    #[arg(long, global = true, value_name = "DIR", env = "EMBOFLOW_DATA_DIR", default_value = DEFAULT_DATA_DIR,
        value_parser = OsStringValueParser::new().map(data_dir))]
    pub(crate) data_dir: PathBuf,
    /// Address of the server, instead of --data-dir
    #[arg(long, global = true, value_name = "URL", env = "EMBOFLOW_API_URL")]
    pub(crate) server: Option<String>,
    /// Bearer token for the server
    #[arg(long, global = true, value_name = "TOKEN", env = "EMBOFLOW_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Project
    #[arg(
        long,
        short,
        global = true,
        value_name = "NAME",
        env = "EMBOFLOW_PROJECT",
        default_value = "default"
    )]
    pub(crate) project: String,
    /// Form of the data on standard output
    #[arg(long, short, global = true, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
}

impl Shared {
    /// A client of the server that was named, or found.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        Client::new(Target {
            server: given(&self.server),
            token: given(&self.token),
            data_dir: self.data_dir.clone(),
            project: self.project.clone(),
        })
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the whole platform on this machine until Ctrl-C
    Up(up::Options),
    /// Submit a run, or look after runs
    #[command(visible_alias = "runs")]
    Run(run::Run),
    /// Check workflow files, and keep them on the server
    #[command(subcommand)]
    Workflow(workflow::Workflow),
    /// List and fetch what runs have made
    #[command(subcommand)]
    Artifact(artifact::Artifact),
    /// List who carries out tasks
    #[command(subcommand)]
    Executor(executor::Executor),
    /// Show the health of the installation
    System,
    /// Look for what keeps EmboFlow from working on this machine
    Doctor(doctor::Options),
    /// Print the JSON Schema of the workflow file
    Schema,
    /// Print completions for a shell
    Completion(completion::Completion),
    #[command(name = child::COMMAND, hide = true)]
    DieWithParent(child::Become),
}

/// The whole of `main`.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut output = Output::standard(cli.shared.output);
    let outcome = match cli.command {
        // Before any other thread starts, and without a runtime.
        Command::DieWithParent(child) => Err(child.exec().into()),
        command => execute(command, &cli.shared, &mut output),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print(&mut output);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn execute(command: Command, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
    tls::install();
    let runtime = tokio::runtime::Runtime::new().context("starting the async runtime")?;
    let outcome = runtime.block_on(async {
        match command {
            Command::Up(options) => up::up(&options, &shared.data_dir, output).await,
            other => {
                tokio::select! {
                    // A command that says more about Ctrl-C goes first.
                    biased;
                    outcome = ask(other, shared, output) => outcome,
                    _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted(String::new())),
                }
            }
        }
    });
    // Whatever still reads a file or resolves a name must not keep a finished command alive.
    runtime.shutdown_background();
    outcome
}

async fn ask(command: Command, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Run(run) => run.carry_out(shared, output).await,
        Command::Workflow(workflow) => workflow.carry_out(shared, output).await,
        Command::Artifact(artifact) => artifact.carry_out(shared, output).await,
        Command::Executor(executor) => executor.carry_out(shared, output).await,
        Command::System => system::show(shared, output).await,
        Command::Doctor(options) => doctor::doctor(&options, shared, output).await,
        Command::Schema => schema::print(output),
        Command::Completion(completion) => completion.print(&mut Cli::command(), output),
        Command::Up(_) | Command::DieWithParent(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
