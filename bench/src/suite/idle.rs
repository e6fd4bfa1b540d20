//! `idle`: what the platform takes while nothing is to do.

use std::time::{Duration, Instant};

use futures::FutureExt;

use crate::benchmark::{Benchmark, READS_ONLY};
use crate::figure::{Figure, Unit};
use crate::place::Place;
use crate::platform::{Platform, Runtime};
use crate::process;

pub(crate) const BENCHMARK: Benchmark = Benchmark {
    name: "idle",
    about: "emboflow up without its nats-server, 20 s after a first run",
    durability: READS_ONLY,
    aims: &[("memory", "≤ 150 MB"), ("processor", "< 1 % of a core")],
    ours: |place| ours(place).boxed_local(),
    floor: None,
};

const SETTLE: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_secs(20);

async fn ours(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let platform = Platform::start(place, Runtime::Simulated).await?;
    tokio::time::sleep(SETTLE).await;
    let (began, before) = (Instant::now(), process::cpu_time(platform.pid())?);
    tokio::time::sleep(LOOK).await;
    let spent = process::cpu_time(platform.pid())? - before;
    let share = spent.as_secs_f64() / began.elapsed().as_secs_f64() * 100.0;
    let memory = process::memory_bytes(platform.pid())?;
    platform.stop().await?;
    Ok(vec![
        Figure::new("memory", Unit::Megabytes, memory as f64 / 1e6),
        Figure::new("processor", Unit::PercentOfACore, share),
    ])
}
