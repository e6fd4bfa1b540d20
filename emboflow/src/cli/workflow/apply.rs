//! `emboflow workflow apply FILE`

use std::path::PathBuf;

use emboflow_model::workflow;
use emboflow_protocol::http::{WorkflowBody, WorkflowView};
use reqwest::Method;

use super::{print_problems, read_file};
use crate::cli::Shared;
use crate::failure::Failure;
use crate::output::{Format, Output};

/// Keep a file on the server.
#[derive(Debug, clap::Args)]
pub(crate) struct Apply {
    /// Workflow file; - reads standard input
    file: PathBuf,
}

impl Apply {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let source = read_file(&self.file)?;
        let name = match workflow::parse(&source) {
            Ok(workflow) => workflow.name,
            Err(problems) => return Err(print_problems(&self.file, &problems, output)),
        };
        let client = shared.client()?;
        let url = client.in_project(&["workflows", &name]);
        let request = client.request(Method::PUT, url).json(&WorkflowBody { source });
        let kept: WorkflowView = client.json(request).await?;
        match output.format {
            Format::Json | Format::Jsonl | Format::Yaml => output.json(&kept)?,
            Format::Name => output.line(kept.name.as_str())?,
            Format::Table | Format::Wide => {
                output.line(&format!("workflow {} is kept as version {}", kept.name, kept.version))?;
                output.message(&format!("  try: emboflow run {} --watch", kept.name));
            }
        }
        Ok(())
    }
}
