//! `chain1000`: one run of a thousand tasks, each after the one before.

use std::time::Instant;

use futures::FutureExt;

use crate::benchmark::{Benchmark, POWER_SAFE};
use crate::figure::{Figure, Unit, milliseconds};
use crate::floor::pipeline::{self, Pipeline};
use crate::place::Place;
use crate::platform::{Platform, Runtime};
use crate::workflow;

pub(crate) const BENCHMARK: Benchmark = Benchmark {
    name: "chain1000",
    about: "one run of 1,000 tasks in a row; floor: command → report → commit → event, 1,000 times",
    durability: POWER_SAFE,
    aims: &[("a step", "≤ 3 ms")],
    ours: |place| ours(place).boxed_local(),
    floor: Some(|place| floor(place).boxed_local()),
};

const STEPS: usize = 1_000;

async fn ours(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let platform = Platform::start(place, Runtime::Simulated).await?;
    let steps = place.amount(STEPS);
    let source = workflow::chain(steps, "");
    let mut events = platform.events(None).await?;
    let began = Instant::now();
    let run = platform.submit(&source).await?;
    events.end_of(&run).await?;
    let took = milliseconds(began.elapsed());
    platform.stop().await?;
    Ok(vec![Figure::new("a step", Unit::Milliseconds, took / steps as f64)])
}

async fn floor(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let pipeline = Pipeline::start(place).await?;
    let steps = place.amount(STEPS);
    let mut events = pipeline.events().await?;
    let began = Instant::now();
    for _ in 0..steps {
        pipeline.command(1).await?;
        pipeline::ends(&mut events, 1).await?;
    }
    let took = milliseconds(began.elapsed());
    pipeline.stop().await?;
    Ok(vec![Figure::new("a step", Unit::Milliseconds, took / steps as f64)])
}
