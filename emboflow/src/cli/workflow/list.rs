//! `emboflow workflow list`

use emboflow_protocol::http::WorkflowView;

use crate::cli::Shared;
use crate::failure::Failure;
use crate::output::{Format, Output};
use crate::text;

/// Lists the newest version of each workflow.
pub(super) async fn list(shared: &Shared, output: &mut Output) -> Result<(), Failure> {
    let client = shared.client()?;
    let workflows: Vec<WorkflowView> = client.list(client.in_project(&["workflows"]), usize::MAX).await?;
    if workflows.is_empty() && !output.is_for_programs() {
        output.message("no workflow is kept here yet; `emboflow workflow apply FILE` keeps one");
    }
    let is_wide = output.format == Format::Wide;
    let now = text::now();
    let header = ["WORKFLOW", "VERSION", "APPLIED", "DESCRIPTION", "DIGEST"];
    let shown = if is_wide { &header[..] } else { &header[..4] };
    output.list(
        &workflows,
        shown,
        |workflow| workflow.name.to_string(),
        |workflow, _| {
            let mut row = vec![
                workflow.name.to_string(),
                workflow.version.to_string(),
                text::ago(workflow.created_at, now),
                workflow.description.clone().unwrap_or_default(),
            ];
            row.extend(is_wide.then(|| workflow.digest.clone()));
            row
        },
    )?;
    Ok(())
}
