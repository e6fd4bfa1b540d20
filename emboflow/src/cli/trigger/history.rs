//! `emboflow trigger history NAME`

use emboflow_protocol::http::trigger::TriggerHistory;

use crate::cli::Shared;
use crate::failure::Failure;
use crate::output::Output;
use crate::text;

/// Show what became of the newest starts.
#[derive(Debug, clap::Args)]
pub(crate) struct History {
    /// The trigger
    name: String,
}

impl History {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let url = client.in_project(&["triggers", &self.name, "history"]);
        let history: TriggerHistory = client.get(url).await?;
        if history.items.is_empty() && !output.is_for_programs() {
            output.message("it has not started anything yet");
        }
        let now = text::now();
        output.list(
            &history.items,
            &["WHEN", "RESULT", "RUN", "FOR", "WHY"],
            |start| start.key.clone().unwrap_or_else(|| start.at.to_string()),
            |start, _| {
                vec![
                    text::ago(start.at, now),
                    start.result.word().to_owned(),
                    start.run.map_or("-".to_owned(), |run| run.to_string()),
                    start.cause.clone(),
                    start.why(),
                ]
            },
        )?;
        Ok(())
    }
}
