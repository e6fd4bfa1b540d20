//! `emboflow workflow show NAME`

use emboflow_protocol::http::WorkflowView;

use crate::cli::Shared;
use crate::failure::Failure;
use crate::output::{Format, Output};

/// Print the file of a workflow.
#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// The workflow
    name: String,
}

impl Show {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let kept: WorkflowView = client.get(client.in_project(&["workflows", &self.name])).await?;
        match output.format {
            Format::Json | Format::Jsonl | Format::Yaml => output.json(&kept)?,
            Format::Name => output.line(kept.name.as_str())?,
            Format::Table | Format::Wide => output.text(&kept.source.unwrap_or_default())?,
        }
        Ok(())
    }
}
