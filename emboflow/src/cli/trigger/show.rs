//! `emboflow trigger show NAME`

use emboflow_protocol::http::trigger::{TriggerTimes, TriggerView};

use crate::cli::Shared;
use crate::failure::Failure;
use crate::output::{Format, Output};

/// Show a trigger and its next times.
#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// The trigger
    name: String,
}

impl Show {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let trigger: TriggerView = client.get(client.in_project(&["triggers", &self.name])).await?;
        match output.format {
            Format::Json | Format::Jsonl | Format::Yaml => return Ok(output.json(&trigger)?),
            Format::Name => return Ok(output.line(trigger.name.as_str())?),
            Format::Table | Format::Wide => {}
        }
        output.line(&format!("{} starts {}: {}", trigger.name, trigger.workflow, trigger.summary))?;
        if let Some(workflow) = &trigger.declared_by {
            output.line(&format!("stands in the file of workflow {workflow}"))?;
        }
        if let Some(paused) = &trigger.paused {
            let reason = paused.reason.as_deref().unwrap_or("no reason given");
            output.line(&format!("paused since {}: {reason}", paused.since))?;
        }
        if let Some(hook) = &trigger.hook {
            output.line(&format!("takes requests at {}", client.absolute(hook.trim_start_matches('/'))))?;
        }
        if trigger.kind == "schedule" {
            let url = client.in_project(&["triggers", &self.name, "times"]);
            let times: TriggerTimes = client.get(url).await?;
            for time in &times.times {
                let note = time.clock_change.map_or("", |_| "  (the clock is set that day)");
                output.line(&format!("  {}  {}{note}", time.at, time.local))?;
            }
        }
        Ok(())
    }
}
