//! `emboflow workflow validate FILE…`: the validator of the server, offline.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;
use emboflow_model::workflow::{self, Problem};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::{Colour, Output};

/// Check files.
#[derive(Debug, clap::Args)]
pub(crate) struct Validate {
    /// Workflow files; - reads standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Checked {
    file: String,
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    errors: Vec<Problem>,
}

impl Validate {
    pub(super) fn carry_out(&self, output: &mut Output) -> Result<(), Failure> {
        let mut checked = Vec::new();
        for file in &self.files {
            let source = read_file(file)?;
            let (name, errors) = match workflow::parse(&source) {
                Ok(workflow) => (Some(workflow.name), Vec::new()),
                Err(problems) => (None, problems),
            };
            checked.push(Checked { file: shown(file), valid: errors.is_empty(), name, errors });
        }
        if output.is_for_programs() {
            output.list(&checked, &[], |checked| checked.file.clone(), |_, _| Vec::new())?;
        } else {
            checked.iter().try_for_each(|checked| say(checked, output))?;
        }
        if checked.iter().all(|checked| checked.valid) { Ok(()) } else { Err(Failure::Said) }
    }
}

fn say(checked: &Checked, output: &mut Output) -> std::io::Result<()> {
    if let Some(name) = &checked.name {
        let mark = output.paint(Colour::Green, "✓");
        return output.line(&format!("{mark} {}: workflow {name} is valid", checked.file));
    }
    for problem in &checked.errors {
        output.line(&problem.report(&checked.file))?;
    }
    let count = match checked.errors.len() {
        1 => "1 error".to_owned(),
        count => format!("{count} errors"),
    };
    let mark = output.paint(Colour::Red, "✗");
    output.line(&format!("{mark} {}: {count}", checked.file))
}

/// Tells people all that is wrong with a file that was to be sent.
pub(in crate::cli) fn print_problems(file: &Path, problems: &[Problem], output: &mut Output) -> Failure {
    for problem in problems {
        output.message(&problem.report(&shown(file)));
    }
    Failure::Said
}

fn shown(file: &Path) -> String {
    if file == Path::new("-") { "stdin".to_owned() } else { file.display().to_string() }
}

/// The text of a file; `-` is standard input.
pub(in crate::cli) fn read_file(file: &Path) -> Result<String, Failure> {
    let bytes = if file == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).context("reading standard input")?;
        bytes
    } else {
        std::fs::read(file).with_context(|| format!("reading {}", file.display()))?
    };
    let not_text = |_| anyhow::anyhow!("{} is not a text file in UTF-8", shown(file));
    Ok(String::from_utf8(bytes).map_err(not_text)?)
}
