//! Starts the scheduler: records, NATS, the driver, its listener.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context;
use emboflow_bus::Bus;
use emboflow_records::SharedRecords;
use emboflow_service::{Health, Shutdown, vitals};

use crate::config::Config;
use crate::{driver, watch};

const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs the scheduler as a process of its own until `shutdown`.
pub async fn run(config: Config, shutdown: Shutdown) -> anyhow::Result<()> {
    let health = Health::new("scheduler");
    let address = health.serve(config.listen, &shutdown).await?;
    start(config, &shutdown, &health).await?;
    tracing::info!(%address, "the scheduler decides");
    shutdown.cancelled().await;
    Ok(())
}

/// Starts the scheduler with records of its own; it ends with `shutdown`. Its checks go into `health`.
pub async fn start(config: Config, shutdown: &Shutdown, health: &Health) -> anyhow::Result<()> {
    let records = config.records.as_ref().context("the configuration says nothing of records")?;
    if let emboflow_records::Config::Sqlite { path } = records {
        vitals::disk(health, "records", path.clone());
    }
    let records = emboflow_records::open(records).await.context("opening the records")?;
    start_on(config, records, shutdown, health).await
}

/// Starts the scheduler on records that are open, inside this process; it ends with `shutdown`. Its checks go into
/// `health`.
pub async fn start_on(
    config: Config,
    records: SharedRecords,
    shutdown: &Shutdown,
    health: &Health,
) -> anyhow::Result<()> {
    let bus = Bus::connect(&config.nats).await.context("connecting to NATS")?;
    bus.ensure_streams().await.context("making the streams")?;
    let checked = records.clone();
    health.check("records", CHECK_TIMEOUT, move || {
        let records = checked.clone();
        async move { records.ping().await.map(|()| records.backend().to_owned()) }
    });
    let checked = bus.clone();
    health.check("nats", CHECK_TIMEOUT, move || {
        let bus = checked.clone();
        async move { if bus.is_connected() { Ok(bus.url().to_owned()) } else { Err("not connected") } }
    });
    let registration = bus
        .register_service(
            "emboflow-scheduler",
            env!("CARGO_PKG_VERSION"),
            "decides what runs where",
            HashMap::new(),
        )
        .await
        .context("registering the NATS micro service")?;
    let stop = shutdown.token();
    shutdown.spawn("micro service", async move {
        stop.cancelled().await;
        registration.stop().await;
    });
    watch::start(&bus, shutdown, health);
    driver::start(config, records, bus, shutdown, health)
}
