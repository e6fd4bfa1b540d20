//! `emboflow completion SHELL`

use clap_complete::Shell;

use crate::failure::Failure;
use crate::output::Output;

/// Print completions for a shell.
#[derive(Debug, clap::Args)]
pub(crate) struct Completion {
    /// The shell
    shell: Shell,
}

impl Completion {
    pub(super) fn print(&self, command: &mut clap::Command, output: &mut Output) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, command, "emboflow", &mut script);
        Ok(output.bytes(&script)?)
    }
}
