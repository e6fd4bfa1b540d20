//! `emboflow maintenance on|off|show`

use clap::Subcommand;
use emboflow_model::PoolName;
use emboflow_model::maintenance::Maintenance as On;
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
        /// Only start nothing in this pool; everything is taken in
        #[arg(long)]
        pool: Option<PoolName>,
    },
    /// End it
    Off {
        /// That of this pool
        #[arg(long)]
        pool: Option<PoolName>,
    },
    /// Show whether it is on
    Show,
}

impl Maintenance {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let of = |pool: &Option<PoolName>| match pool {
            None => client.global(&["maintenance"]),
            Some(pool) => client.global(&["maintenance", pool.as_str()]),
        };
        let view: MaintenanceView = match self {
            Self::On { reason, pool } => {
                let body = MaintenanceBody { reason: reason.clone() };
                client.json(client.request(Method::PUT, of(pool)).json(&body)).await?
            }
            Self::Off { pool } => client.json(client.request(Method::DELETE, of(pool))).await?,
            Self::Show => client.get(of(&None)).await?,
        };
        if output.is_for_programs() {
            return Ok(output.json(&view)?);
        }
        match view.maintenance {
            None => output.line("no maintenance: requests are taken in and tasks are started")?,
            Some(on) => output.line(&format!("maintenance {}", said(&on)))?,
        }
        for (pool, on) in &view.pools {
            output.line(&format!("maintenance of pool {pool} {}", said(on)))?;
        }
        Ok(())
    }
}

fn said(on: &On) -> String {
    format!("since {} by {}: {}", text::ago(on.since, text::now()), on.by, on.reason)
}
