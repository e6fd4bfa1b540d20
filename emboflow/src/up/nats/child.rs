//! The moment between our process and nats-server: a copy of this program asks the system to be killed with its parent,
//! then becomes the server.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

/// Name of the hidden command.
pub(crate) const COMMAND: &str = "die-with-parent";

/// `emboflow die-with-parent PID PROGRAM ARGUMENTS…`
#[derive(Debug, clap::Args)]
pub(crate) struct Become {
    /// The parent.
    parent: u32,
    /// What to become.
    program: PathBuf,
    /// Its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

impl Become {
    /// Becomes the program; returns only why that failed.
    pub(crate) fn exec(self) -> anyhow::Error {
        if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
            return anyhow::Error::new(error).context("asking to be killed with the parent");
        }
        // Who was orphaned before that would never hear of it.
        if getppid().is_none_or(|pid| pid.as_raw_nonzero().get().unsigned_abs() != self.parent) {
            return anyhow::anyhow!("the parent {} has ended", self.parent);
        }
        let error = Command::new(&self.program).args(self.arguments).exec();
        anyhow::Error::new(error).context(format!("starting {}", self.program.display()))
    }
}

/// The command that runs `program` as a child that dies with the calling thread or its handle, out of reach of a terminal's Ctrl-C.
pub(crate) fn command(program: &Path) -> tokio::process::Command {
    // Also after a new build has replaced the file, this is the program that runs.
    let mut command = tokio::process::Command::new("/proc/self/exe");
    command.arg(COMMAND).arg(std::process::id().to_string()).arg(program).process_group(0).kill_on_drop(true);
    command
}
