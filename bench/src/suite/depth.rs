//! `depth`: what it costs that very many runs wait.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use serde_json::json;

use crate::benchmark::{Benchmark, POWER_SAFE};
use crate::figure::{Figure, Unit, percentile};
use crate::place::Place;
use crate::platform::{Platform, Runtime};
use crate::{process, workflow};

pub(crate) const BENCHMARK: Benchmark = Benchmark {
    name: "depth",
    about: "so many runs wait in a queue at its maximum: memory for each, how fast more are taken in, one run after the other in another queue, and a restart; no floor",
    durability: POWER_SAFE,
    aims: &[("restart to the end of a run", "≤ 5 s"), ("memory a queued run", "≤ 2 kB")],
    ours: |place| ours(place).boxed_local(),
    floor: None,
};

/// How many runs wait when the others are measured.
const DEPTHS: &[usize] = &[0, 1_000, 10_000, 100_000];
/// Runs that are measured at each depth.
const PROBES: usize = 100;
/// Runs in a batch.
const BATCH: usize = 500;
/// Batches in flight.
const IN_FLIGHT: usize = 4;
/// Where they wait.
const QUEUE: &str = "deep";
/// How long it may take until the scheduler knows the queue.
const KNOWN_WITHIN: Duration = Duration::from_secs(10);
/// Longer than anything here takes.
const HOUR_MS: u64 = 3_600_000;

async fn ours(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let mut platform = Platform::start(place, Runtime::Simulated).await?;
    platform.put(&format!("queues/{QUEUE}"), &json!({ "maximum": { "slots": 1 } })).await?;
    // It holds the only slot of the queue from now on.
    let holder = workflow::in_queue(QUEUE, &format!("ms={HOUR_MS}"));
    let until = Instant::now() + KNOWN_WITHIN;
    // The scheduler hears of a new queue a moment later.
    while let Err(error) = platform.submit(&holder).await {
        ensure!(Instant::now() < until, "the queue is not known: {error:#}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let memory_before = process::memory_bytes(platform.pid())?;
    let mut figures = Vec::new();
    let mut waiting = 0;
    for depth in DEPTHS.iter().map(|depth| place.amount(*depth)) {
        if depth > waiting {
            let began = Instant::now();
            fill(&platform, waiting..depth).await?;
            figures.push(Figure::rate(format!("taken in up to {depth}"), depth - waiting, began.elapsed()));
            waiting = depth;
        }
        let mut times = probe(&platform, place.amount(PROBES)).await?;
        times.sort_unstable();
        figures.push(Figure::ms(format!("a run beside {depth}, p50"), percentile(&times, 0.50)));
        figures.push(Figure::ms(format!("a run beside {depth}, p99"), percentile(&times, 0.99)));
    }
    let grown = process::memory_bytes(platform.pid())?.saturating_sub(memory_before);
    let each = grown as f64 / waiting.max(1) as f64 / 1e3;
    figures.push(Figure::new("memory a queued run", Unit::Kilobytes, each));
    let began = Instant::now();
    platform = platform.restart(place).await?;
    probe(&platform, 1).await?;
    figures.push(Figure::ms("restart to the end of a run", began.elapsed()));
    platform.stop().await?;
    Ok(figures)
}

async fn fill(platform: &Platform, numbers: std::ops::Range<usize>) -> anyhow::Result<()> {
    let source = workflow::in_queue(QUEUE, "");
    let end = numbers.end;
    let batches =
        numbers.step_by(BATCH).map(|from| platform.submit_batch(&source, from..end.min(from + BATCH)));
    stream::iter(batches).buffer_unordered(IN_FLIGHT).try_collect().await
}

/// One run after the other in the queue `default`: how long each takes until a watcher knows its end.
async fn probe(platform: &Platform, count: usize) -> anyhow::Result<Vec<Duration>> {
    let source = workflow::noop();
    let mut events = platform.events(None).await?;
    let mut times = Vec::new();
    for _ in 0..count.max(1) {
        let began = Instant::now();
        let run = platform.submit(&source).await?;
        events.end_of(&run).await.context("a run beside those that wait")?;
        times.push(began.elapsed());
    }
    Ok(times)
}
