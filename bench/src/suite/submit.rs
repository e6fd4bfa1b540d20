//! `submit`: a run over HTTP until it is answered 201, beside a bare publish that JetStream acknowledges.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use futures::FutureExt;
use futures::future::try_join_all;

use crate::benchmark::{Benchmark, POWER_SAFE};
use crate::figure::{Figure, percentiles};
use crate::floor::pipeline::Pipeline;
use crate::place::Place;
use crate::platform::{Platform, Runtime};
use crate::workflow;

pub(crate) const BENCHMARK: Benchmark = Benchmark {
    name: "submit",
    about: "POST …/runs until 201; floor: a publish until JetStream's acknowledgement",
    durability: POWER_SAFE,
    aims: &[("1 client p50", "≤ 2 × floor")],
    ours: |place| ours(place).boxed_local(),
    floor: Some(|place| floor(place).boxed_local()),
};

const RUNS: usize = 500;
const CLIENTS: [usize; 2] = [1, 64];

async fn ours(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let platform = Platform::start(place, Runtime::Simulated).await?;
    let source = workflow::noop();
    let mut figures = Vec::new();
    for clients in CLIENTS {
        let submit = async || platform.submit(&source).await.map(drop);
        figures.extend(clients_figures(clients, place.amount(RUNS), submit).await?);
    }
    platform.stop().await?;
    Ok(figures)
}

async fn floor(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let pipeline = Pipeline::start(place).await?;
    let mut figures = Vec::new();
    for clients in CLIENTS {
        let request = async || pipeline.request(1, 1).await;
        figures.extend(clients_figures(clients, place.amount(RUNS), request).await?);
    }
    pipeline.stop().await?;
    Ok(figures)
}

/// So many clients, each with one request under way, until `count` have been answered by all together.
async fn clients_figures(
    clients: usize,
    count: usize,
    request: impl AsyncFn() -> anyhow::Result<()>,
) -> anyhow::Result<Vec<Figure>> {
    let next = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let client = async || {
        let mut times: Vec<Duration> = Vec::new();
        while next.fetch_add(1, Ordering::Relaxed) < count {
            let began = Instant::now();
            request().await?;
            times.push(began.elapsed());
        }
        Ok::<_, anyhow::Error>(times)
    };
    let times = try_join_all((0..clients).map(|_| client())).await.context("submitting")?;
    let took = began.elapsed();
    let who = if clients == 1 { "1 client ".to_owned() } else { format!("{clients} clients ") };
    let mut figures = percentiles(&who, &mut times.concat());
    figures.push(Figure::rate(format!("{who}rate"), count, took));
    Ok(figures)
}
