//! The driver: brings what happened to the planner, commits what it decided, then tells the world.
//!
//! One task owns the planner. Everything else reaches it through one channel, so there is no lock and the order of
//! decisions is the order of the log.

mod calls;
mod clock;
mod commit;
mod fail_point;
mod feeds;
mod known_projects;
mod known_requests;
mod life;
mod liveness;
mod machine;
mod maintenance;
mod message;
mod outbox;
mod project;
mod quotas;
mod recovery;
mod requests;
mod retention;
#[cfg(test)]
mod tests;
mod tick;
mod trace;
mod uploads;
mod vault;
mod workflows;
mod world;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use emboflow_bus::Bus;
use emboflow_protocol::storage_token::TokenKey;
use emboflow_records::SharedRecords;
use emboflow_service::{Health, Shutdown, Tracer, telemetry};

use crate::config::Config;
use crate::measure;

pub use fail_point::fail_points;

use fail_point::FailPoints;
use liveness::Liveness;
use machine::Machine;
use vault::Vault;

/// The one shard there is today.
const SHARD: u32 = 0;
/// Signals that wait at most; beyond it NATS waits.
const WAITING_SIGNALS: usize = 1_024;
/// First pause before the driver starts over; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);

/// What every life of the driver shares.
pub(crate) struct Surroundings<W> {
    pub(crate) config: Config,
    pub(crate) records: SharedRecords,
    pub(crate) world: W,
    pub(crate) storage_key: TokenKey,
    pub(crate) vault: Vault,
    pub(crate) tracer: Tracer,
    fail_points: Arc<FailPoints>,
    liveness: Liveness,
}

/// Starts the driver. When it loses the shard or meets an input that it cannot survive, it starts over from the
/// records; the bus counts deliveries and buries what kills it again and again. `health` gets a check of it.
pub(crate) fn start(
    config: Config,
    records: SharedRecords,
    bus: Bus,
    shutdown: &Shutdown,
    health: &Health,
) -> anyhow::Result<()> {
    config.retention.check()?;
    let fail_points = Arc::new(FailPoints::parse(config.fail_at.as_deref())?);
    let storage_key = TokenKey::new(config.storage_key.reveal().as_bytes()).context("reading storage_key")?;
    let vault = Vault::new(config.secrets.as_ref())?;
    let liveness = Liveness::new();
    let tracer = Tracer::start(&config.telemetry, "scheduler", telemetry::instance(), shutdown)?;
    measure::announce();
    let world = Machine::new(bus);
    let surroundings =
        Arc::new(Surroundings { config, records, world, storage_key, vault, tracer, fail_points, liveness });
    let checked = surroundings.clone();
    health.check("driver", CHECK_TIMEOUT, move || std::future::ready(checked.liveness.check()));
    let stop = shutdown.token();
    shutdown.spawn_vital("scheduler driver", async move {
        let mut pause = FIRST_PAUSE;
        while !stop.is_cancelled() {
            let began = tokio::time::Instant::now();
            let life = tokio::spawn(life::live(surroundings.clone(), stop.child_token()));
            match life.await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => {
                    tracing::error!("the scheduler starts over: {error:#}");
                    surroundings.liveness.starts_over(format!("{error:#}"));
                }
                Err(panic) => {
                    tracing::error!(%panic, "the scheduler starts over after a defect");
                    surroundings.liveness.starts_over(format!("after a defect: {panic}"));
                }
            }
            if began.elapsed() > LONGEST_PAUSE {
                pause = FIRST_PAUSE;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
            }
        }
        Ok(())
    });
    Ok(())
}
