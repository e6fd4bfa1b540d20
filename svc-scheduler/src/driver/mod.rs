//! The driver: brings what happened to the planner, commits what it decided, then tells the world.
//!
//! One task owns the planner. Everything else reaches it through one channel, so there is no lock and the order of
//! decisions is the order of the log.

mod calls;
mod children;
mod clock;
mod commit;
mod cordons;
mod decisions;
mod fail_point;
mod feeds;
mod foresight;
mod hearing;
mod kept;
mod known_projects;
mod known_requests;
mod learning;
mod lease;
mod life;
mod liveness;
mod lives;
mod machine;
mod maintenance;
mod message;
mod outbox;
mod project;
mod queues;
mod quotas;
mod rates;
mod recovery;
mod requests;
mod rerun;
mod results;
mod retention;
mod tenure;
#[cfg(test)]
mod tests;
mod tick;
mod trace;
mod turn;
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
use emboflow_service::{FailPoints, Health, Shutdown, Tracer, telemetry};
#[cfg(any(test, feature = "simulation"))]
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::measure;

pub use fail_point::fail_points;
pub(crate) use tenure::Tenure;
#[cfg(any(test, feature = "simulation"))]
pub(crate) use {
    feeds::Signal,
    outbox::Told,
    world::{Envelope, Feeds, Letter, World},
};

use liveness::Liveness;
use machine::Machine;
use vault::Vault;

/// The one shard there is today.
const SHARD: u32 = 0;
/// Signals that wait at most; beyond it NATS waits.
const WAITING_SIGNALS: usize = 1_024;
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
    /// Without a lease nothing is taken for granted.
    tenure: Arc<Tenure>,
}

impl<W> Surroundings<W> {
    /// Errors: the configuration has keys that cannot be used, or unknown fail-points.
    fn new(
        config: Config,
        records: SharedRecords,
        world: W,
        tracer: Tracer,
        tenure: Arc<Tenure>,
    ) -> anyhow::Result<Self> {
        config.retention.check()?;
        config.policy.check()?;
        let fail_points = Arc::new(FailPoints::parse(config.fail_at.as_deref(), &fail_points())?);
        let storage_key =
            TokenKey::new(config.storage_key.reveal().as_bytes()).context("reading storage_key")?;
        let vault = Vault::new(config.secrets.as_ref())?;
        let liveness = Liveness::new();
        Ok(Self { config, records, world, storage_key, vault, tracer, fail_points, liveness, tenure })
    }
}

/// One life of the driver in a world of one's own; see [`life::live`].
#[cfg(any(test, feature = "simulation"))]
pub(crate) async fn one_life<W: World>(
    config: Config,
    records: SharedRecords,
    world: W,
    tenure: Arc<Tenure>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    life::live(Arc::new(Surroundings::new(config, records, world, Tracer::default(), tenure)?), stop).await
}

/// Starts the driver, which decides while this scheduler holds the lease and stands by otherwise. When it loses the shard
/// or meets an input that it cannot survive, it starts over from the records; the bus counts deliveries and buries what
/// kills it again and again. `health` gets a check of it.
pub(crate) fn start(
    config: Config,
    records: SharedRecords,
    bus: Bus,
    shutdown: &Shutdown,
    health: &Health,
) -> anyhow::Result<()> {
    let tracer = Tracer::start(&config.telemetry, "scheduler", telemetry::instance(), shutdown)?;
    let (world, tenure) = (Machine::new(bus.clone()), Arc::default());
    let surroundings = Arc::new(Surroundings::new(config, records, world, tracer, tenure)?);
    measure::announce();
    let checked = surroundings.clone();
    health.check("driver", CHECK_TIMEOUT, move || std::future::ready(checked.liveness.check()));
    let stop = shutdown.token();
    shutdown.spawn_vital("scheduler driver", async move {
        lives::lead(surroundings, bus, stop).await;
        Ok(())
    });
    Ok(())
}
