//! `wide100k`: one run of as many tasks as a run may have.

use std::time::{Duration, Instant};

use anyhow::Context;
use futures::FutureExt;

use crate::benchmark::{Benchmark, POWER_SAFE};
use crate::figure::{Figure, Unit};
use crate::place::Place;
use crate::platform::{Platform, Runtime};
use crate::{process, workflow};

pub(crate) const BENCHMARK: Benchmark = Benchmark {
    name: "wide100k",
    about: "one run, 1 → 99,998 → 1 tasks: until it is accepted, until it ends, and the memory that it needs; no floor",
    durability: POWER_SAFE,
    aims: &[],
    ours: |place| ours(place).boxed_local(),
    floor: None,
};

/// With the first and the last one they are as many as a run may have.
const WIDTH: usize = 99_998;
const ENDS_WITHIN: Duration = Duration::from_secs(900);

async fn ours(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let platform = Platform::start(place, Runtime::Simulated).await?;
    let width = place.amount(WIDTH);
    let mut events = platform.events(None).await?;
    let memory = process::memory_bytes(platform.pid())?;
    process::forget_peak(platform.pid())?;
    let began = Instant::now();
    let run = platform.submit(&workflow::fan(width)).await?;
    let accepted = began.elapsed();
    tokio::time::timeout(ENDS_WITHIN, events.end_of(&run)).await.context("the run does not end")??;
    let took = began.elapsed();
    let peak = process::peak_memory_bytes(platform.pid())?.saturating_sub(memory);
    platform.stop().await?;
    Ok(vec![
        Figure::ms("until it is accepted", accepted),
        Figure::ms("until its end is seen", took),
        Figure::rate("tasks", width + 2, took),
        Figure::new("memory at most, more than before", Unit::Megabytes, peak as f64 / 1e6),
    ])
}
