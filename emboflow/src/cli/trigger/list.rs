//! `emboflow trigger list`

use emboflow_protocol::http::trigger::TriggerView;

use super::next;
use crate::cli::Shared;
use crate::failure::Failure;
use crate::output::{Format, Output};
use crate::text;

/// Lists the triggers of the project.
pub(super) async fn list(shared: &Shared, output: &mut Output) -> Result<(), Failure> {
    let client = shared.client()?;
    let triggers: Vec<TriggerView> = client.list(client.in_project(&["triggers"]), usize::MAX).await?;
    if triggers.is_empty() && !output.is_for_programs() {
        output.message("nothing starts runs by itself here; `emboflow trigger apply FILE` makes a trigger");
    }
    let is_wide = output.format == Format::Wide;
    let now = text::now();
    let header = ["TRIGGER", "KIND", "WORKFLOW", "NEXT", "LAST", "WAITS FOR"];
    let shown = if is_wide { &header[..] } else { &header[..5] };
    output.list(
        &triggers,
        shown,
        |trigger| trigger.name.to_string(),
        |trigger, _| {
            let last = trigger.last.as_ref();
            let last = last
                .map_or("-".to_owned(), |last| format!("{} {}", last.result.word(), text::ago(last.at, now)));
            let mut row = vec![
                trigger.name.to_string(),
                trigger.kind.clone(),
                trigger.workflow.to_string(),
                next(trigger),
                last,
            ];
            row.extend(is_wide.then(|| trigger.summary.clone()));
            row
        },
    )?;
    Ok(())
}
