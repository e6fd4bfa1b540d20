//! `kill`: how soon the platform goes on after it, or its nats-server, was killed with ten thousand runs under way.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures::FutureExt;

use crate::benchmark::{Benchmark, POWER_SAFE};
use crate::figure::{Figure, Unit};
use crate::place::Place;
use crate::platform::{Platform, Runtime};
use crate::workflow;

pub(crate) const BENCHMARK: Benchmark = Benchmark {
    name: "kill",
    about: "10,000 runs are accepted and most of them open: SIGKILL of nats-server, then of everything, until a new run of high priority has ended; and what is lost or doubled when all have ended; no floor",
    durability: POWER_SAFE,
    aims: &[("runs lost", "0"), ("runs doubled", "0")],
    ours: |place| ours(place).boxed_local(),
    floor: None,
};

const RUNS: usize = 10_000;
/// Runs that are to have ended before each kill.
const BEFORE_A_KILL: usize = 500;
/// Runs that a platform is warmed up by.
const WARMED_UP_BY: usize = 1;
/// Runs that are made to see that it goes on.
const AFTER_KILLS: usize = 2;
const ENDS_WITHIN: Duration = Duration::from_secs(120);

async fn ours(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let platform = Platform::start(place, Runtime::Simulated).await?;
    let count = place.amount(RUNS);
    // What warmed it up has ended, and is counted a moment later.
    let earlier = until_all_have_ended(&platform, WARMED_UP_BY).await?;
    let mut events = platform.events(None).await?;
    submit(&platform, count).await?;
    for _ in 0..place.amount(BEFORE_A_KILL) {
        events.next_end().await?;
    }
    let killed = Instant::now();
    platform.kill_nats()?;
    let without_nats = until_another_ends(&platform, "without-nats", killed).await?;
    let killed = Instant::now();
    let platform = platform.kill_and_restart(place).await?;
    let without_all = until_another_ends(&platform, "without-all", killed).await?;
    // Who asks again for every run gets those that there are, and makes what was lost.
    submit(&platform, count).await?;
    let all = until_all_have_ended(&platform, earlier + count + AFTER_KILLS).await?;
    platform.stop().await?;
    let of_ours = all.saturating_sub(earlier + AFTER_KILLS);
    Ok(vec![
        Figure::ms("nats-server killed, until a new run has ended", without_nats),
        Figure::ms("all killed, until a new run has ended", without_all),
        Figure::new("runs lost", Unit::Runs, count.saturating_sub(of_ours) as f64),
        Figure::new("runs doubled", Unit::Runs, of_ours.saturating_sub(count) as f64),
    ])
}

async fn submit(platform: &Platform, count: usize) -> anyhow::Result<()> {
    platform.submit_batches(&workflow::simulated("short", "ms=1"), 0..count).await
}

/// Submits a run that goes before all others, as soon as it is taken, and waits for its end.
async fn until_another_ends(platform: &Platform, key: &str, since: Instant) -> anyhow::Result<Duration> {
    let source = format!("{}defaults: {{ priority: 100 }}\n", workflow::noop());
    let another = async {
        let mut events = platform.events(None).await?;
        let run = loop {
            match platform.submit_once(&source, key).await {
                Ok(run) => break run,
                Err(_not_yet) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        events.end_of(&run).await
    };
    tokio::time::timeout(ENDS_WITHIN, another).await.context("no run ends after a kill")??;
    Ok(since.elapsed())
}

/// How many runs have succeeded once none is open; they are as many as `least` then, or runs were lost.
async fn until_all_have_ended(platform: &Platform, least: usize) -> anyhow::Result<usize> {
    let until = Instant::now() + ENDS_WITHIN;
    loop {
        let Counts { all, ended } = counts(platform).await?;
        if all == ended && ended >= least || Instant::now() > until {
            ensure!(all == ended, "{} runs are open after {} s", all - ended, ENDS_WITHIN.as_secs());
            return Ok(ended);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

struct Counts {
    all: usize,
    /// Those that have succeeded.
    ended: usize,
}

async fn counts(platform: &Platform) -> anyhow::Result<Counts> {
    let by_state = platform.read("projects/default/runs/counts").await?["by_state"].clone();
    let by_state: BTreeMap<String, usize> = serde_json::from_value(by_state).context("reading the counts")?;
    let ended = by_state.get("succeeded").copied().unwrap_or(0);
    Ok(Counts { all: by_state.values().sum(), ended })
}
