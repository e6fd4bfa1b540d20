//! `depth`: what it costs that very many runs wait.

use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures::FutureExt;
use serde_json::json;

use crate::benchmark::{Benchmark, POWER_SAFE};
use crate::chart::{Chart, Curve};
use crate::figure::{Figure, Unit, milliseconds, percentile};
use crate::place::Place;
use crate::platform::{Platform, Runtime};
use crate::{process, workflow};

pub(crate) const BENCHMARK: Benchmark = Benchmark {
    name: "depth",
    about: "so many runs wait in a queue at its maximum: memory for each, how fast more are taken in, one run after the other in another queue meanwhile and afterwards, and a restart; a curve as PNG; no floor",
    durability: POWER_SAFE,
    aims: &[("restart to the end of a run", "≤ 5 s"), ("memory a queued run", "≤ 2 kB")],
    ours: |place| ours(place).boxed_local(),
    floor: None,
};

/// How many runs wait when the others are measured.
const DEPTHS: &[usize] = &[0, 1_000, 10_000, 100_000, 1_000_000];
/// Beside so many the platform is started again.
const RESTARTED_AT: usize = 100_000;
/// Runs that are measured at each depth.
const PROBES: usize = 100;
/// Where they wait.
const QUEUE: &str = "deep";
/// How long it may take until it knows all of the runs that were stored.
const QUEUED_WITHIN: Duration = Duration::from_secs(600);
/// Longer than anything here takes.
const HOUR_MS: u64 = 3_600_000;

/// What one run costs beside so many that wait.
struct Point {
    waiting: usize,
    p50: Duration,
    p99: Duration,
    processor: Duration,
}

async fn ours(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let mut figures = restarted(place).await?;
    figures.extend(curve(place).await?);
    Ok(figures)
}

/// What a queued run takes of the memory, and a start that has to read all of them back. The run that holds the queue does
/// not outlive the restart, so nothing is measured after it.
async fn restarted(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let platform = Platform::start(place, Runtime::Simulated).await?;
    hold_the_queue(&platform).await?;
    let waiting = place.amount(RESTARTED_AT);
    let before = process::memory_bytes(platform.pid())?;
    fill(&platform, 0..waiting).await?;
    until_queued(&platform, waiting).await?;
    let grown = process::memory_bytes(platform.pid())?.saturating_sub(before);
    let began = Instant::now();
    let platform = platform.restart(place).await?;
    probe(&platform, 1).await?;
    let took = began.elapsed();
    // Without what the intake of so many has left behind.
    let restored = process::memory_bytes(platform.pid())?.saturating_sub(before);
    platform.stop().await?;
    let of_each = |bytes: u64| bytes as f64 / waiting as f64 / 1e3;
    Ok(vec![
        Figure::new("memory a queued run", Unit::Kilobytes, of_each(grown)),
        Figure::new("memory a queued run, after a restart", Unit::Kilobytes, of_each(restored)),
        Figure::ms("restart to the end of a run", took),
    ])
}

async fn curve(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let platform = Platform::start(place, Runtime::Simulated).await?;
    hold_the_queue(&platform).await?;
    let (mut figures, mut points, mut waiting) = (Vec::new(), Vec::new(), 0);
    for depth in DEPTHS {
        let goal = place.amount(*depth);
        if goal > waiting {
            figures.extend(deepen(&platform, waiting..goal).await?);
            waiting = goal;
        }
        let point = measure(&platform, waiting, place.amount(PROBES)).await?;
        figures.extend(point.figures());
        points.push(point);
    }
    platform.stop().await?;
    draw(place, &points)?;
    Ok(figures)
}

/// One run takes the only slot of the queue from now on.
async fn hold_the_queue(platform: &Platform) -> anyhow::Result<()> {
    platform.put(&format!("queues/{QUEUE}"), &json!({ "maximum": { "slots": 1 } })).await?;
    let holder = workflow::in_queue(QUEUE, &format!("ms={HOUR_MS}"));
    platform.submit(&holder).await.context("holding the queue")?;
    Ok(())
}

/// More runs wait: how fast they are stored, how fast they are queued, and what a run of another queue costs meanwhile.
async fn deepen(platform: &Platform, numbers: Range<usize>) -> anyhow::Result<Vec<Figure>> {
    let (goal, more) = (numbers.end, numbers.len());
    let began = Instant::now();
    let filled = async {
        fill(platform, numbers).await?;
        let stored = began.elapsed();
        until_queued(platform, goal).await?;
        Ok::<_, anyhow::Error>((stored, began.elapsed()))
    };
    let mut filled = std::pin::pin!(filled);
    let mut events = platform.events(None).await?;
    let mut times = Vec::new();
    let (stored, queued) = loop {
        let one = async {
            let began = Instant::now();
            let run = platform.submit(&workflow::noop()).await?;
            events.end_of(&run).await.context("a run beside those that come in")?;
            Ok::<_, anyhow::Error>(began.elapsed())
        };
        let mut one = std::pin::pin!(one);
        tokio::select! {
            biased;
            time = &mut one => times.push(time?),
            filled = &mut filled => {
                // What has begun is brought to its end: the stream would tell of it to the next one.
                times.push(one.await?);
                break filled?;
            }
        }
    };
    times.sort_unstable();
    let mut figures = vec![
        Figure::rate(format!("stored up to {goal}"), more, stored),
        Figure::rate(format!("queued up to {goal}"), more, queued),
    ];
    for (name, share) in [("p50", 0.50), ("p99", 0.99)] {
        let name = format!("a run while {goal} come in, {name}");
        figures.push(Figure::ms(name, percentile(&times, share)));
    }
    Ok(figures)
}

async fn fill(platform: &Platform, numbers: Range<usize>) -> anyhow::Result<()> {
    platform.submit_batches(&workflow::in_queue(QUEUE, ""), numbers).await
}

async fn until_queued(platform: &Platform, goal: usize) -> anyhow::Result<()> {
    let until = Instant::now() + QUEUED_WITHIN;
    loop {
        // From the documents, which are written behind: what is measured next does not pay for them.
        let counts = platform.read("projects/default/runs/counts").await?;
        let waiting = counts["by_state"]["queued"].as_u64().unwrap_or(0);
        if waiting >= goal as u64 {
            return Ok(());
        }
        ensure!(Instant::now() < until, "{waiting} of {goal} runs are queued");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn measure(platform: &Platform, waiting: usize, count: usize) -> anyhow::Result<Point> {
    let before = process::cpu_time(platform.pid())?;
    let mut times = probe(platform, count).await?;
    let spent = process::cpu_time(platform.pid())?.saturating_sub(before);
    times.sort_unstable();
    let (p50, p99) = (percentile(&times, 0.50), percentile(&times, 0.99));
    Ok(Point { waiting, p50, p99, processor: spent / u32::try_from(times.len().max(1))? })
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

impl Point {
    fn figures(&self) -> [Figure; 3] {
        let name = |what: &str| format!("a run beside {}, {what}", self.waiting);
        [
            Figure::ms(name("p50"), self.p50),
            Figure::ms(name("p99"), self.p99),
            Figure::ms(name("processor"), self.processor),
        ]
    }
}

fn draw(place: &Place, points: &[Point]) -> anyhow::Result<()> {
    let curve = |name, of: fn(&Point) -> Duration| {
        // A logarithmic axis has no zero.
        let points = points.iter().filter(|point| point.waiting > 0);
        let points = points.map(|point| (point.waiting as f64, milliseconds(of(point))));
        Curve { name, points: points.collect() }
    };
    let chart = Chart {
        title: "One run after the other, beside many that wait".to_owned(),
        across: "runs that wait in another queue",
        up: "ms a run",
        curves: vec![
            curve("until its end is seen, p50", |point| point.p50),
            curve("until its end is seen, p99", |point| point.p99),
            curve("processor", |point| point.processor),
        ],
    };
    let path = place.results().join("depth.png");
    chart.write(&path)?;
    crate::report::say(&format!("curve: {}\n", path.display()))
}
