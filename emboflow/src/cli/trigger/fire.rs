//! `emboflow trigger fire|backfill NAME`

use emboflow_model::Timestamp;
use emboflow_protocol::http::trigger::{BackfillBody, FireBody, FiredView};
use reqwest::Method;
use serde_json::Value;

use crate::cli::Shared;
use crate::failure::Failure;
use crate::output::{Format, Output};

/// Start a run by a trigger now.
#[derive(Debug, clap::Args)]
pub(crate) struct Fire {
    /// The trigger
    name: String,
    /// What its expressions read as `event.data`, as JSON
    #[arg(long, value_name = "JSON", value_parser = json)]
    data: Option<Value>,
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))
}

impl Fire {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let url = client.in_project(&["triggers", &self.name, "fire"]);
        let body = FireBody { data: self.data.clone().unwrap_or_default() };
        let fired: FiredView = client.json(client.request(Method::POST, url).json(&body)).await?;
        show(&fired, output)
    }
}

/// Start the runs of a schedule's past times.
#[derive(Debug, clap::Args)]
pub(crate) struct Backfill {
    /// The trigger
    name: String,
    /// The first moment, such as 2026-11-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Timestamp,
    /// The last moment
    #[arg(long, value_name = "TIME")]
    to: Timestamp,
}

impl Backfill {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let url = client.in_project(&["triggers", &self.name, "backfill"]);
        let body = BackfillBody { from: self.from, to: self.to };
        let fired: FiredView = client.json(client.request(Method::POST, url).json(&body)).await?;
        show(&fired, output)?;
        if let Some(after) = fired.more_after.filter(|_| !output.is_for_programs()) {
            output.message(&format!("there are more times: go on with --from after {after}"));
        }
        Ok(())
    }
}

fn show(fired: &FiredView, output: &mut Output) -> Result<(), Failure> {
    match output.format {
        Format::Json | Format::Jsonl | Format::Yaml => output.json(fired)?,
        Format::Name | Format::Table | Format::Wide => {
            for key in &fired.keys {
                output.line(key)?;
            }
        }
    }
    if fired.keys.is_empty() && !output.is_for_programs() {
        output.message("the schedule has no time in that range");
    }
    Ok(())
}
