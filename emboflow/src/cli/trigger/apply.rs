//! `emboflow trigger apply FILE`

use std::path::PathBuf;

use emboflow_model::workflow::parse_trigger;
use emboflow_protocol::http::trigger::{TriggerBody, TriggerView};
use reqwest::Method;

use super::changed;
use crate::cli::Shared;
use crate::cli::workflow::{print_problems, read_file};
use crate::failure::Failure;
use crate::output::Output;

/// Make or change a trigger.
#[derive(Debug, clap::Args)]
pub(crate) struct Apply {
    /// Trigger file; - reads standard input
    file: PathBuf,
}

impl Apply {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let source = read_file(&self.file)?;
        let spec = match parse_trigger(&source) {
            Ok(spec) => spec,
            Err(problems) => return Err(print_problems(&self.file, &problems, output)),
        };
        let client = shared.client()?;
        let url = client.in_project(&["triggers", spec.name.as_str()]);
        let request = client.request(Method::PUT, url).json(&TriggerBody { source });
        let kept: TriggerView = client.json(request).await?;
        let line = format!("trigger {} starts {}: {}", kept.name, kept.workflow, kept.summary);
        changed(&kept, &line, output)
    }
}
