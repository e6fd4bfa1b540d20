//! `emboflow maintenance on|off|show`

use clap::Subcommand;
use emboflow_protocol::http::maintenance::{MaintenanceBody, MaintenanceView};
use reqwest::Method;

use super::Shared;
use crate::failure::Failure;
use crate::output::Output;
use crate::text;

/// Take nothing in and start nothing, until it is over
#[derive(Debug, Subcommand)]
pub(crate) enum Maintenance {
    /// Begin it: what runs goes on to its end, nothing else is taken in or started
    On {
        /// Why, for everybody who has to wait
        #[arg(long)]
        reason: String,
    },
    /// End it
    Off,
    /// Show whether it is on
    Show,
}

impl Maintenance {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let url = client.global(&["maintenance"]);
        let view: MaintenanceView = match self {
            Self::On { reason } => {
                let body = MaintenanceBody { reason: reason.clone() };
                client.json(client.request(Method::PUT, url).json(&body)).await?
            }
            Self::Off => client.json(client.request(Method::DELETE, url)).await?,
            Self::Show => client.get(url).await?,
        };
        if output.is_for_programs() {
            return Ok(output.json(&view)?);
        }
        match view.maintenance {
            None => output.line("no maintenance: requests are taken in and tasks are started")?,
            Some(on) => output.line(&format!(
                "maintenance since {} by {}: {}",
                text::ago(on.since, text::now()),
                on.by,
                on.reason
            ))?,
        }
        Ok(())
    }
}
