//! `logs` and `log-download`: a container that says much, and a long log read back.

use std::time::Instant;

use anyhow::{Context, ensure};
use futures::FutureExt;

use crate::benchmark::{Benchmark, POWER_SAFE, READS_ONLY};
use crate::figure::{Figure, Unit};
use crate::floor::{containers, files};
use crate::place::Place;
use crate::platform::{Platform, Runtime};
use crate::{process, workflow};

pub(crate) const WRITE: Benchmark = Benchmark {
    name: "logs",
    about: "one container that writes 100 MB, until its run has ended with the log sealed; floor: the engine's log read by a bare loop",
    durability: POWER_SAFE,
    aims: &[("whole run", "≥ 0.8 × floor")],
    ours: |place| write(place).boxed_local(),
    floor: Some(|place| write_floor(place).boxed_local()),
};

pub(crate) const DOWNLOAD: Benchmark = Benchmark {
    name: "log-download",
    about: "GET of a sealed log of 200 MB; floor: reading a file of that length",
    durability: READS_ONLY,
    aims: &[("memory while it lasts, at most", "< 256 MB")],
    ours: |place| download(place).boxed_local(),
    floor: Some(|place| download_floor(place).boxed_local()),
};

const WRITTEN_BYTES: usize = 100_000_000;
const READ_BYTES: usize = 200_000_000;
/// Of the lines that a simulated task numbers, on average at these lengths.
const LINE_BYTES: usize = 14;

fn talkative(bytes: usize) -> [String; 4] {
    let line = "x".repeat(99);
    let script = format!("/bin/busybox yes {line} | /bin/busybox head -c {bytes}");
    ["/bin/busybox".to_owned(), "sh".to_owned(), "-c".to_owned(), script]
}

async fn write(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let platform = Platform::start(place, Runtime::Docker).await?;
    let bytes = place.amount(WRITTEN_BYTES);
    let command = serde_json::to_string(&talkative(bytes)).context("writing a command")?;
    let source = workflow::command("talkative", &command);
    let mut events = platform.events(None).await?;
    let began = Instant::now();
    let run = platform.submit(&source).await?;
    events.end_of(&run).await?;
    let took = began.elapsed();
    let read = length(&platform, &run).await?;
    ensure!(read == bytes as u64, "the log has {read} bytes of {bytes}");
    platform.stop().await?;
    Ok(vec![Figure::throughput("whole run", read, took)])
}

async fn write_floor(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let (folder, bytes) = (place.scratch()?, place.amount(WRITTEN_BYTES));
    let command = talkative(bytes);
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    let began = Instant::now();
    let read = containers::run(folder.path(), &command, 1, 1).await?;
    let took = began.elapsed();
    ensure!(read == bytes as u64, "the bare loop read {read} bytes of {bytes}");
    Ok(vec![Figure::throughput("whole run", read, took)])
}

async fn download(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let platform = Platform::start(place, Runtime::Simulated).await?;
    let lines = place.amount(READ_BYTES) / LINE_BYTES;
    let mut events = platform.events(None).await?;
    let run = platform.submit(&workflow::simulated("long", &format!("lines={lines}"))).await?;
    events.end_of(&run).await?;
    process::forget_peak(platform.pid())?;
    let before = process::memory_bytes(platform.pid())?;
    let began = Instant::now();
    let read = length(&platform, &run).await?;
    let took = began.elapsed();
    let peak = process::peak_memory_bytes(platform.pid())?;
    platform.stop().await?;
    Ok(vec![
        Figure::throughput("read", read, took),
        Figure::new("memory before it", Unit::Megabytes, before as f64 / 1e6),
        Figure::new("memory while it lasts, at most", Unit::Megabytes, peak as f64 / 1e6),
    ])
}

async fn download_floor(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let folder = place.scratch()?;
    let file = folder.path().join("log");
    files::put(&file, place.amount(READ_BYTES))?;
    let began = Instant::now();
    let read = files::get(&file)?;
    Ok(vec![Figure::throughput("read", read, began.elapsed())])
}

/// Reads a log to its end; gives its length.
async fn length(platform: &Platform, run: &str) -> anyhow::Result<u64> {
    let path = format!("projects/default/runs/{run}/tasks/only/logs");
    let answer = platform.get(&path).send().await.context("asking for a log")?;
    let mut answer = answer.error_for_status().context("asking for a log")?;
    let mut length = 0;
    while let Some(piece) = answer.chunk().await.context("reading a log")? {
        length += piece.len() as u64;
    }
    Ok(length)
}
