//! `noop-alone`, `noop-burst` and `noop-singles`: runs of one task that does nothing, one at a time, in batches, and
//! many at once with a message each; `cpu`: what they cost the processor.

use std::time::{Duration, Instant};

use futures::FutureExt;

use crate::benchmark::{Benchmark, POWER_SAFE};
use crate::figure::{Figure, Unit, milliseconds, percentiles};
use crate::floor::pipeline::{self, Pipeline};
use crate::place::Place;
use crate::platform::{BATCH, Platform, Runtime};
use crate::{process, workflow};

pub(crate) const ALONE: Benchmark = Benchmark {
    name: "noop-alone",
    about: "POST …/runs until its terminal event is at a watcher over HTTP, one run at a time; floor: bare pipeline",
    durability: POWER_SAFE,
    aims: &[("p50", "≤ 4 ms")],
    ours: |place| alone(place).boxed_local(),
    floor: Some(|place| alone_floor(place).boxed_local()),
};

pub(crate) const BURST: Benchmark = Benchmark {
    name: "noop-burst",
    about: "batches of 500 runs over HTTP until all are terminal at a watcher over NATS; floor: bare pipeline, 500 a message",
    durability: POWER_SAFE,
    aims: &[("runs", "≥ 10,000 1/s")],
    ours: |place| burst(place, Way::Batches).boxed_local(),
    floor: Some(|place| burst_floor(place, BATCH).boxed_local()),
};

pub(crate) const SINGLES: Benchmark = Benchmark {
    name: "noop-singles",
    about: "runs published to the intake over NATS, a message each, until all are terminal; floor: bare pipeline",
    durability: POWER_SAFE,
    aims: &[("runs", "≥ 0.8 × floor")],
    ours: |place| burst(place, Way::Messages).boxed_local(),
    floor: Some(|place| burst_floor(place, 1).boxed_local()),
};

pub(crate) const CPU: Benchmark = Benchmark {
    name: "cpu",
    about: "processor time of a run over all processes, one at a time and in batches of 500; floor: bare pipeline with its client",
    durability: POWER_SAFE,
    aims: &[("a run of a burst", "≤ 0.3 ms")],
    ours: |place| processor(place).boxed_local(),
    floor: Some(|place| processor_floor(place).boxed_local()),
};

const ALONE_RUNS: usize = 300;
const BURST_RUNS: usize = 10_000;

/// How a burst comes in.
#[derive(Clone, Copy)]
enum Way {
    Batches,
    Messages,
}

async fn alone(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let platform = Platform::start(place, Runtime::Simulated).await?;
    let source = workflow::noop();
    let mut events = platform.events(None).await?;
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..place.amount(ALONE_RUNS) {
        let began = Instant::now();
        let run = platform.submit(&source).await?;
        events.end_of(&run).await?;
        times.push(began.elapsed());
    }
    platform.stop().await?;
    Ok(percentiles("", &mut times))
}

async fn alone_floor(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let pipeline = Pipeline::start(place).await?;
    let mut events = pipeline.events().await?;
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..place.amount(ALONE_RUNS) {
        let began = Instant::now();
        pipeline.request(1, 1).await?;
        pipeline::ends(&mut events, 1).await?;
        times.push(began.elapsed());
    }
    pipeline.stop().await?;
    Ok(percentiles("", &mut times))
}

async fn burst(place: &Place, way: Way) -> anyhow::Result<Vec<Figure>> {
    let platform = Platform::start(place, Runtime::Simulated).await?;
    let (intake, mut events) = (platform.intake().await?, platform.nats_events().await?);
    let (source, count) = (workflow::noop(), place.amount(BURST_RUNS));
    let cpu_before = cpu(&platform)?;
    let began = Instant::now();
    let stored = async {
        match way {
            Way::Batches => platform.submit_batches(&source, 0..count).await?,
            Way::Messages => intake.publish(&source, count).await?,
        }
        Ok::<_, anyhow::Error>(began.elapsed())
    };
    let (stored, ()) = tokio::try_join!(stored, events.ends(count))?;
    let took = began.elapsed();
    let cpu_after = cpu(&platform)?;
    platform.stop().await?;
    Ok(vec![
        Figure::rate("runs", count, took),
        Figure::rate("stored by the intake", count, stored),
        each("processor a run, emboflow", cpu_after.0 - cpu_before.0, count),
        each("processor a run, nats-server", cpu_after.1 - cpu_before.1, count),
    ])
}

async fn burst_floor(place: &Place, a_message: usize) -> anyhow::Result<Vec<Figure>> {
    let pipeline = Pipeline::start(place).await?;
    let mut events = pipeline.events().await?;
    let count = place.amount(BURST_RUNS);
    let began = Instant::now();
    let stored = async {
        pipeline.request(count, a_message).await?;
        Ok::<_, anyhow::Error>(began.elapsed())
    };
    let (stored, ()) = tokio::try_join!(stored, pipeline::ends(&mut events, count))?;
    let took = began.elapsed();
    pipeline.stop().await?;
    Ok(vec![Figure::rate("runs", count, took), Figure::rate("stored by the intake", count, stored)])
}

async fn processor(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let platform = Platform::start(place, Runtime::Simulated).await?;
    let (source, mut events) = (workflow::noop(), platform.nats_events().await?);
    let (alone, burst) = (place.amount(ALONE_RUNS), place.amount(BURST_RUNS));
    let spent = || cpu(&platform).map(|(own, server)| own + server);
    let first = spent()?;
    for _ in 0..alone {
        platform.submit(&source).await?;
        events.ends(1).await?;
    }
    let second = spent()?;
    tokio::try_join!(platform.submit_batches(&source, 0..burst), events.ends(burst))?;
    let third = spent()?;
    platform.stop().await?;
    Ok(vec![each("a run alone", second - first, alone), each("a run of a burst", third - second, burst)])
}

async fn processor_floor(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let pipeline = Pipeline::start(place).await?;
    let mut events = pipeline.events().await?;
    let (alone, burst) = (place.amount(ALONE_RUNS), place.amount(BURST_RUNS));
    // The bare parts are threads of this process, and so is their client.
    let own = std::process::id();
    let spent = || {
        let servers = process::children(own).into_iter().map(process::cpu_time);
        Ok::<_, anyhow::Error>(process::cpu_time(own)? + servers.sum::<anyhow::Result<Duration>>()?)
    };
    let first = spent()?;
    for _ in 0..alone {
        pipeline.request(1, 1).await?;
        pipeline::ends(&mut events, 1).await?;
    }
    let second = spent()?;
    tokio::try_join!(pipeline.request(burst, BATCH), pipeline::ends(&mut events, burst))?;
    let third = spent()?;
    pipeline.stop().await?;
    Ok(vec![each("a run alone", second - first, alone), each("a run of a burst", third - second, burst)])
}

fn each(name: &str, spent: Duration, runs: usize) -> Figure {
    Figure::new(name, Unit::Milliseconds, milliseconds(spent) / runs as f64)
}

/// Processor time of the platform and of its nats-server.
fn cpu(platform: &Platform) -> anyhow::Result<(Duration, Duration)> {
    let servers = process::children(platform.pid()).into_iter().map(process::cpu_time);
    Ok((process::cpu_time(platform.pid())?, servers.sum::<anyhow::Result<Duration>>()?))
}
