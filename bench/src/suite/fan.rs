//! `fan1000`: one run of one task, then a thousand side by side, then one.

use std::time::Instant;

use futures::FutureExt;

use crate::benchmark::{Benchmark, POWER_SAFE};
use crate::figure::Figure;
use crate::floor::pipeline::{self, Pipeline};
use crate::place::Place;
use crate::platform::{Platform, Runtime};
use crate::workflow;

pub(crate) const BENCHMARK: Benchmark = Benchmark {
    name: "fan1000",
    about: "one run, 1 → 1,000 → 1 tasks; floor: the same three waves through the bare pipeline",
    durability: POWER_SAFE,
    aims: &[("wall", "≤ 400 ms")],
    ours: |place| ours(place).boxed_local(),
    floor: Some(|place| floor(place).boxed_local()),
};

const WIDTH: usize = 1_000;

async fn ours(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let platform = Platform::start(place, Runtime::Simulated).await?;
    let source = workflow::fan(place.amount(WIDTH));
    let mut events = platform.events(None).await?;
    let began = Instant::now();
    let run = platform.submit(&source).await?;
    events.end_of(&run).await?;
    let took = began.elapsed();
    platform.stop().await?;
    Ok(vec![Figure::ms("wall", took)])
}

async fn floor(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let pipeline = Pipeline::start(place).await?;
    let mut events = pipeline.events().await?;
    let began = Instant::now();
    pipeline.request(1, 1).await?;
    pipeline::ends(&mut events, 1).await?;
    for wave in [place.amount(WIDTH), 1] {
        pipeline.command(wave).await?;
        pipeline::ends(&mut events, wave).await?;
    }
    let took = began.elapsed();
    pipeline.stop().await?;
    Ok(vec![Figure::ms("wall", took)])
}
