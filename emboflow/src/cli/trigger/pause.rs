//! `emboflow trigger pause|resume NAME`

use emboflow_protocol::http::trigger::{PauseBody, TriggerView};
use reqwest::Method;

use super::changed;
use crate::cli::Shared;
use crate::failure::Failure;
use crate::output::Output;

/// Start no runs by a trigger until it is resumed.
#[derive(Debug, clap::Args)]
pub(crate) struct Pause {
    /// The trigger
    name: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Pause {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let url = client.in_project(&["triggers", &self.name, "pause"]);
        let request = client.request(Method::POST, url).json(&PauseBody { reason: self.reason.clone() });
        let trigger: TriggerView = client.json(request).await?;
        let line = format!("trigger {} is paused", trigger.name);
        changed(&trigger, &line, output)
    }
}

/// Start runs by a paused trigger again.
#[derive(Debug, clap::Args)]
pub(crate) struct Resume {
    /// The trigger
    name: String,
}

impl Resume {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let url = client.in_project(&["triggers", &self.name, "resume"]);
        let trigger: TriggerView = client.json(client.request(Method::POST, url)).await?;
        let line = format!("trigger {} starts runs again", trigger.name);
        changed(&trigger, &line, output)
    }
}
