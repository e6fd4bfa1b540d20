//! `list`: pages of 100,000 finished runs.

use std::time::{Duration, Instant};

use anyhow::Context;
use emboflow_model::{RunId, RunSummary, Timestamp};
use emboflow_records::{Config, Derived};
use futures::FutureExt;
use rusqlite::Connection;
use serde_json::json;

use crate::benchmark::{Benchmark, READS_ONLY};
use crate::figure::{Figure, percentile};
use crate::place::Place;
use crate::platform::{Platform, Runtime};

pub(crate) const BENCHMARK: Benchmark = Benchmark {
    name: "list",
    about: "GET …/runs over 100,000 finished runs: first and next page, by state, workflow, label, text, duration; floor: a bare SELECT of 50 rows by an index",
    durability: READS_ONLY,
    aims: &[("p95", "≤ 100 ms")],
    ours: |place| ours(place).boxed_local(),
    floor: Some(|place| floor(place).boxed_local()),
};

const RUNS: usize = 100_000;
const ROUNDS: usize = 40;
/// Runs that are written together.
const BATCH: usize = 5_000;
const BEGIN_MS: i64 = 1_790_000_000_000;

/// The questions, each as often as the others.
const QUERIES: &[(&str, &str)] = &[
    ("first page", "runs"),
    ("failed", "runs?state=failed"),
    ("one workflow", "runs?workflow=flow-7"),
    ("one label", "runs?label=team=t3"),
    ("by duration", "runs?sort=-duration"),
    ("text that no run has", "runs?search=nowhere"),
];

async fn ours(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let folder = place.scratch()?;
    let records = folder.path().join("data/records");
    std::fs::create_dir_all(&records).context("making the folder of the records")?;
    fill(records.join("emboflow.db"), place.amount(RUNS)).await?;
    let platform = Platform::start_on(place, Runtime::Simulated, folder).await?;
    let mut figures = Vec::new();
    let mut all = Vec::new();
    for (name, query) in QUERIES {
        let mut times = Vec::new();
        for _ in 0..place.amount(ROUNDS) {
            times.push(ask(&platform, query).await?.0);
        }
        times.sort_unstable();
        figures.push(Figure::ms(format!("{name} p95"), percentile(&times, 0.95)));
        all.extend(times);
    }
    let mut cursor = ask(&platform, "runs").await?.1;
    for _ in 0..place.amount(ROUNDS) {
        let (took, next) = ask(&platform, &format!("runs?cursor={cursor}")).await?;
        all.push(took);
        cursor = next;
    }
    platform.stop().await?;
    all.sort_unstable();
    figures.insert(0, Figure::ms("p95", percentile(&all, 0.95)));
    figures.insert(0, Figure::ms("p50", percentile(&all, 0.50)));
    Ok(figures)
}

/// How long a page took, and the cursor of the next one.
async fn ask(platform: &Platform, query: &str) -> anyhow::Result<(Duration, String)> {
    let began = Instant::now();
    let answer =
        platform.get(&format!("projects/default/{query}")).send().await.context("asking for runs")?;
    let body = answer.error_for_status().context("asking for runs")?.bytes().await.context("reading runs")?;
    let took = began.elapsed();
    let page: serde_json::Value = serde_json::from_slice(&body).context("reading runs")?;
    Ok((took, page["next"].as_str().unwrap_or_default().to_owned()))
}

async fn fill(path: std::path::PathBuf, count: usize) -> anyhow::Result<()> {
    let records = emboflow_records::open(&Config::Sqlite { path }).await.context("opening the records")?;
    for first in (0..count).step_by(BATCH) {
        let runs = (first..count.min(first + BATCH)).map(finished).collect::<Result<_, _>>()?;
        records.put_derived(Derived { runs, ..Derived::default() }).await.context("filling the records")?;
    }
    Ok(())
}

fn finished(number: usize) -> anyhow::Result<RunSummary> {
    let offset = i64::try_from(number).context("numbering a run")? * 1_000;
    let at = |ms: i64| Timestamp(BEGIN_MS + offset + ms);
    // A time-ordered id, as real ones are.
    let id = RunId::from_bits((u128::from(at(0).0.unsigned_abs()) << 80) + number as u128);
    let (state, task) =
        if number.is_multiple_of(20) { ("failed", "failed") } else { ("succeeded", "succeeded") };
    serde_json::from_value(json!({
        "id": id, "project": "default", "workflow": format!("flow-{}", number % 20), "digest": "sha256:00",
        "state": state, "labels": { "team": format!("t{}", number % 10) }, "key": format!("key-{number}"),
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "graph": [{ "name": "only", "needs": [] }],
        "tasks": { "total": 1, "by_state": { task: 1 } },
        "created_at": at(0), "started_at": at(10), "finished_at": at(100 + (offset / 7) % 90_000),
        "version": 4, "seq": 0,
    }))
    .context("making a run")
}

async fn floor(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let (folder, count) = (place.scratch()?, place.amount(RUNS));
    let mut connection = Connection::open(folder.path().join("bare.db")).context("opening a bare table")?;
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; CREATE TABLE runs (created INTEGER PRIMARY KEY, body TEXT NOT NULL)",
        )
        .context("making a bare table")?;
    let transaction = connection.transaction().context("filling a bare table")?;
    let body = "x".repeat(700);
    for number in 0..count {
        transaction
            .execute("INSERT INTO runs VALUES (?1, ?2)", (number as i64, &body))
            .context("filling a bare table")?;
    }
    transaction.commit().context("filling a bare table")?;
    let mut times = Vec::new();
    for _ in 0..place.amount(ROUNDS) {
        let began = Instant::now();
        let sql = "SELECT body FROM runs ORDER BY created DESC LIMIT 50";
        let mut select = connection.prepare_cached(sql).context("asking a bare table")?;
        let rows = select.query_map([], |row| row.get::<_, String>(0)).context("asking a bare table")?;
        rows.collect::<Result<Vec<_>, _>>().context("asking a bare table")?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    Ok(vec![Figure::ms("p50", percentile(&times, 0.50)), Figure::ms("p95", percentile(&times, 0.95))])
}
