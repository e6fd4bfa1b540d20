//! The command line: what can be asked, where it goes, and the exit code.

mod admin;
mod artifact;
mod audit;
mod backup;
mod cache;
mod completion;
mod config;
mod context;
mod executor;
mod explain;
mod grants;
mod install;
mod key;
mod login;
mod maintenance;
mod mongo;
mod nats;
mod notification;
mod project;
mod queue;
mod run;
mod schema;
mod secret;
mod secret_input;
mod session;
mod system;
mod trigger;
mod upload;
mod user;
mod what_if;
mod workflow;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, CommandFactory, Parser, Subcommand};
use emboflow_service::tls;

use crate::client::{By, Client, Found, Target};
use crate::context::Contexts;
use crate::doctor;
use crate::failure::Failure;
use crate::output::{Format, Output};
use crate::up::{self, nats::child};

/// Where an installation lies when nothing else is said.
pub(crate) const DEFAULT_DATA_DIR: &str = ".emboflow";

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
    /// Folder of the installation; clients find the server by its up.json [default: .emboflow]
    #[arg(long, global = true, value_name = "DIR", env = "EMBOFLOW_DATA_DIR",
        value_parser = OsStringValueParser::new().map(PathBuf::from))]
    data_dir: Option<PathBuf>,
    /// Context instead of --data-dir: a server that `emboflow login` has kept
    #[arg(long, global = true, value_name = "NAME", env = "EMBOFLOW_CONTEXT")]
    context: Option<String>,
    /// Address of the server, instead of --data-dir and --context
    #[arg(long, global = true, value_name = "URL", env = "EMBOFLOW_API_URL")]
    pub(crate) server: Option<String>,
    /// API key or token for the server
    #[arg(long, global = true, value_name = "TOKEN", env = "EMBOFLOW_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// File with the API key or token
    #[arg(long, global = true, value_name = "FILE", env = "EMBOFLOW_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// Project [default: that of the context, or `default`]
    #[arg(long, short, global = true, value_name = "NAME", env = "EMBOFLOW_PROJECT")]
    project: Option<String>,
    /// Form of the data on standard output
    #[arg(long, short, global = true, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
}

impl Shared {
    /// A client of the server that was named, or found.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        Client::new(self.target())
    }

    /// What was said about the server. An empty variable says nothing.
    pub(crate) fn target(&self) -> Target {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        Target {
            server: given(&self.server),
            token: given(&self.token),
            token_file: self.token_file.clone().filter(|path| !path.as_os_str().is_empty()),
            context: given(&self.context),
            data_dir: self.data_dir().to_owned(),
            data_dir_is_told: self.told_data_dir().is_some(),
            project: given(&self.project),
            contexts: Contexts::of_this_user(),
        }
    }

    /// Folder of the installation.
    pub(crate) fn data_dir(&self) -> &Path {
        self.told_data_dir().unwrap_or(Path::new(DEFAULT_DATA_DIR))
    }

    fn told_data_dir(&self) -> Option<&Path> {
        self.data_dir.as_deref().filter(|path| !path.as_os_str().is_empty())
    }

    /// Whether the server is to be found by a data directory.
    pub(crate) fn is_local(&self) -> bool {
        let found = self.target().find();
        !matches!(found, Ok(Found { by: By::Name | By::Context(_), .. }) | Err(Failure::Usage(_)))
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the whole platform on this machine until Ctrl-C
    Up(up::Options),
    /// Submit a run, or look after runs
    #[command(visible_alias = "runs")]
    Run(run::Run),
    /// Say why tasks of a run wait, and what would help
    Explain(explain::Explain),
    WhatIf(what_if::WhatIf),
    /// Check workflow files, and keep them on the server
    #[command(subcommand)]
    Workflow(workflow::Workflow),
    /// Look after what starts runs by itself
    #[command(subcommand, visible_alias = "triggers")]
    Trigger(trigger::Trigger),
    /// List and fetch what runs have made
    #[command(subcommand)]
    Artifact(artifact::Artifact),
    /// List who carries out tasks
    #[command(subcommand)]
    Executor(executor::Executor),
    /// Look after the queues in which runs wait
    #[command(subcommand, visible_alias = "queues")]
    Queue(queue::Queue),
    /// Look after the results that tasks with `cache` take over
    #[command(subcommand)]
    Cache(cache::Cache),
    Backup(backup::Backup),
    /// Take nothing in and start nothing, until it is over
    #[command(subcommand)]
    Maintenance(maintenance::Maintenance),
    /// Show the health of the installation
    System,
    /// Look for what keeps EmboFlow from working on this machine
    Doctor(doctor::Options),
    /// Make the secrets and NATS users of an installation with containers, where they are missing
    Install(install::Install),
    /// Ask an address for its health: the health check of containers that have no shell
    #[command(hide = true)]
    Probe {
        /// Such as `http://127.0.0.1:4086/ready`
        url: String,
    },
    /// Print the JSON Schema of the workflow file
    Schema,
    /// Sign in at a server, and keep it as a context
    Login(login::Login),
    /// End the session of the context, and forget how it signed in
    Logout(login::Logout),
    /// Show as whom commands ask, and what they may
    #[command(name = "whoami")]
    WhoAmI(login::WhoAmI),
    /// Make administrators
    #[command(subcommand)]
    Admin(admin::Admin),
    /// Look after users and their roles
    #[command(subcommand, visible_alias = "users")]
    User(user::User),
    /// Look after projects
    #[command(subcommand, visible_alias = "projects")]
    Project(project::Project),
    /// Look after API keys
    #[command(subcommand, visible_alias = "keys")]
    Key(key::Key),
    /// See and end sessions
    #[command(subcommand, visible_alias = "sessions")]
    Session(session::Session),
    /// Keep secrets of a project
    #[command(subcommand, visible_alias = "secrets")]
    Secret(secret::Secret),
    /// Bring files into a project, for tasks to take in
    #[command(subcommand, visible_alias = "uploads")]
    Upload(upload::Upload),
    /// Choose to whom it is told that runs ended, or wait for a person
    #[command(subcommand, visible_alias = "notifications")]
    Notification(notification::Notification),
    /// See who did what
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Look after the users of the platform's NATS server
    Nats(nats::Nats),
    /// Look after the users of the records in MongoDB
    #[command(subcommand)]
    Mongo(mongo::Mongo),
    /// Show what services are configured to, and check their files
    #[command(subcommand)]
    Config(config::Config),
    /// Choose between the servers that you work with
    #[command(subcommand)]
    Context(context::Commands),
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
            Command::Up(options) => up::up(&options, shared.data_dir(), output).await,
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
        Command::Explain(explain) => explain.carry_out(shared, output).await,
        Command::WhatIf(what_if) => what_if.carry_out(shared, output).await,
        Command::Workflow(workflow) => workflow.carry_out(shared, output).await,
        Command::Trigger(trigger) => trigger.carry_out(shared, output).await,
        Command::Artifact(artifact) => artifact.carry_out(shared, output).await,
        Command::Executor(executor) => executor.carry_out(shared, output).await,
        Command::Queue(queue) => queue.carry_out(shared, output).await,
        Command::Config(config) => config.carry_out(output),
        Command::Nats(nats) => nats.carry_out(shared, output).await,
        Command::Mongo(mongo) => mongo.carry_out(output).await,
        Command::Maintenance(maintenance) => maintenance.carry_out(shared, output).await,
        Command::Backup(backup) => backup.carry_out(shared, output).await,
        Command::System => system::show(shared, output).await,
        Command::Doctor(options) => doctor::doctor(&options, shared, output).await,
        Command::Install(install) => install.carry_out(output),
        Command::Probe { url } => {
            emboflow_service::probe(&url).map_err(|why| Failure::Other(anyhow::anyhow!(why)))?;
            Ok(())
        }
        Command::Schema => schema::print(output),
        Command::Login(login) => login.carry_out(shared, output).await,
        Command::Logout(logout) => logout.carry_out(shared, output).await,
        Command::WhoAmI(who) => who.carry_out(shared, output).await,
        Command::Admin(admin) => admin.carry_out(shared, output).await,
        Command::User(user) => user.carry_out(shared, output).await,
        Command::Project(project) => project.carry_out(shared, output).await,
        Command::Key(key) => key.carry_out(shared, output).await,
        Command::Session(session) => session.carry_out(shared, output).await,
        Command::Secret(secret) => secret.carry_out(shared, output).await,
        Command::Cache(cache) => cache.carry_out(shared, output).await,
        Command::Upload(upload) => upload.carry_out(shared, output).await,
        Command::Notification(notification) => notification.carry_out(shared, output).await,
        Command::Audit(audit) => audit.carry_out(shared, output).await,
        Command::Context(context) => context.carry_out(shared, output),
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
