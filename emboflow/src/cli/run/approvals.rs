//! `emboflow run approvals`

use emboflow_protocol::http::approval::ApprovalView;

use crate::cli::Shared;
use crate::failure::Failure;
use crate::output::{Format, Output};
use crate::text;

/// List what waits for a person.
#[derive(Debug, clap::Args)]
pub(crate) struct Approvals {
    /// Tasks at most
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

impl Approvals {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let open: Vec<ApprovalView> =
            client.list(client.in_project(&["approvals"]), self.limit as usize).await?;
        if open.is_empty() && !output.is_for_programs() {
            output.message("nothing waits for a person");
        }
        let now = text::now();
        let is_wide = output.format == Format::Wide;
        let header = ["RUN", "WORKFLOW", "TASK", "ASKED", "ENDS", "MESSAGE", "ANSWER"];
        output.list(
            &open,
            if is_wide { &header } else { &header[..6] },
            |open| format!("{} {}", open.run, open.task),
            |open, _| {
                let question = &open.approval.question;
                let ends = question.ends_at.map(|at| format!("in {}", text::duration(at.ms_since(now))));
                let mut row = vec![
                    open.run.to_string(),
                    open.workflow.to_string(),
                    open.task.to_string(),
                    text::ago(open.approval.asked_at, now),
                    ends.unwrap_or_default(),
                    crate::output::on_one_line(&question.message),
                ];
                if is_wide {
                    row.push(text::how_to_answer(open.run, &open.task, &open.approval));
                }
                row
            },
        )?;
        if let Some(first) = open.first().filter(|_| !output.is_for_programs()) {
            output.hint(&text::how_to_answer(first.run, &first.task, &first.approval));
        }
        Ok(())
    }
}
