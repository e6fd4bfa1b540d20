//! Backups again and again, as a service: for Compose and systemd.

use anyhow::Context;
use emboflow_backup::schedule;
use emboflow_service::{Health, Shutdown, metrics, telemetry};

use super::place::Place;
use super::refused;
use crate::failure::Failure;

pub(super) async fn run(place: &Place) -> Result<(), Failure> {
    place.config.schedule.check().map_err(Failure::usage)?;
    telemetry::init("backup");
    metrics::announce("backup", env!("CARGO_PKG_VERSION"));
    let shutdown = Shutdown::on_signals().context("listening for signals")?;
    let health = Health::new("backup");
    let address = health.serve(place.config.schedule.listen, &shutdown).await?;
    tracing::info!(%address, every_minutes = place.config.schedule.every_minutes, "backups are taken");
    let outcome = schedule::run(&place.config, &shutdown).await.map_err(refused);
    shutdown.drain(emboflow_service::process::DRAIN_TIMEOUT).await;
    outcome
}
