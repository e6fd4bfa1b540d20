//! `gateway`: objects through the storage gateway on a directory, beside bare files on the same disk.

use std::cell::RefCell;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use bytes::Bytes;
use emboflow_protocol::storage_token::{StorageClaims, TokenKey, mint};
use futures::{FutureExt, stream};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::benchmark::{Benchmark, FILE_SYNCED};
use crate::figure::{Figure, Unit, percentile};
use crate::floor::object_server::Client;
use crate::place::Place;
use crate::process;

pub(crate) const BENCHMARK: Benchmark = Benchmark {
    name: "gateway",
    about: "put and get of one 256 MiB object and of 4 KiB objects, one at a time; floor: a bare socket into files that are fsynced with their folder",
    durability: FILE_SYNCED,
    aims: &[
        ("put 256 MiB", "≥ 0.8 × floor"),
        ("get 256 MiB", "≥ 0.8 × floor"),
        ("put 4 KiB", "≥ 0.8 × floor"),
    ],
    ours: |place| ours(place).boxed_local(),
    floor: Some(|place| floor(place).boxed_local()),
};

const LARGE: usize = 256 << 20;
const SMALL: usize = 4 << 10;
const SMALL_OBJECTS: usize = 300;
/// Bytes that a client hands on at once.
const PIECE: usize = 64 << 10;
const KEY: &str = "a key for measuring that opens nothing else";

struct Gateway {
    process: Child,
    pid: u32,
    url: String,
    token: String,
    http: reqwest::Client,
}

impl Gateway {
    async fn start(place: &Place, root: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(place.programs.gateway());
        command.args(["--set", "listen=127.0.0.1:0"]).env("EMBOFLOW__BACKEND__DIRECTORY__ROOT", root);
        command
            .env("EMBOFLOW__SIGNING_KEY", KEY)
            .stderr(Stdio::piped())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let mut process = command.spawn().context("starting the gateway")?;
        let mut lines = BufReader::new(process.stderr.take().context("the gateway says nothing")?).lines();
        let address = loop {
            let line = lines.next_line().await.context("reading the gateway's log")?;
            let line = line.context("the gateway ended before it answered")?;
            let line: serde_json::Value = serde_json::from_str(&line).with_context(|| line.clone())?;
            if let Some(address) = line["fields"]["address"].as_str() {
                break address.to_owned();
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let pid = process.id().context("the gateway ended at once")?;
        let http = reqwest::Client::builder().build().context("making an HTTP client")?;
        Ok(Self { process, pid, url: format!("http://{address}/objects/bench"), token: token()?, http })
    }

    async fn put(&self, number: u64, bytes: usize) -> anyhow::Result<()> {
        let piece = Bytes::from(vec![7u8; PIECE.min(bytes)]);
        let pieces = (0..bytes / piece.len()).map(move |_| Ok::<_, std::io::Error>(piece.clone()));
        let request = self.http.put(format!("{}/{number}", self.url)).bearer_auth(&self.token);
        let request = request.header("content-length", bytes);
        let answer = request.body(reqwest::Body::wrap_stream(stream::iter(pieces))).send().await;
        answer.and_then(reqwest::Response::error_for_status).context("putting an object")?;
        Ok(())
    }

    async fn get(&self, number: u64) -> anyhow::Result<()> {
        let request = self.http.get(format!("{}/{number}", self.url)).bearer_auth(&self.token);
        let answer = request.send().await.and_then(reqwest::Response::error_for_status);
        let mut answer = answer.context("getting an object")?;
        while answer.chunk().await.context("reading an object")?.is_some() {}
        Ok(())
    }
}

fn token() -> anyhow::Result<String> {
    let tomorrow = SystemTime::now() + Duration::from_secs(24 * 60 * 60);
    let claims = StorageClaims {
        sub: "bench".to_owned(),
        exp: tomorrow.duration_since(UNIX_EPOCH).context("reading the clock")?.as_secs(),
        read: vec!["bench".to_owned()],
        write: vec!["bench".to_owned()],
        delete: false,
        quota: None,
    };
    let key = TokenKey::new(KEY.as_bytes()).context("making the key")?;
    mint(&key, &claims).context("making a token")
}

async fn ours(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let folder = place.scratch()?;
    let mut gateway = Gateway::start(place, &folder.path().join("objects")).await?;
    let large = place.amount(LARGE) / PIECE * PIECE;
    gateway.put(u64::MAX, SMALL).await?;
    let mut figures = figures(
        large,
        place.amount(SMALL_OBJECTS),
        async |number, bytes| gateway.put(number, bytes).await,
        async |number| gateway.get(number).await,
    )
    .await?;
    let peak = process::peak_memory_bytes(gateway.pid)?;
    figures.push(Figure::new("memory at most", Unit::Megabytes, peak as f64 / 1e6));
    gateway.process.kill().await.context("stopping the gateway")?;
    Ok(figures)
}

async fn floor(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let folder = place.scratch()?;
    let client = RefCell::new(Client::connect(folder.path())?);
    let large = place.amount(LARGE) / PIECE * PIECE;
    figures(
        large,
        place.amount(SMALL_OBJECTS),
        async |number, bytes| client.borrow_mut().put(number, bytes),
        async |number| client.borrow_mut().get(number),
    )
    .await
}

async fn figures(
    large: usize,
    small_objects: usize,
    put: impl AsyncFn(u64, usize) -> anyhow::Result<()>,
    get: impl AsyncFn(u64) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<Figure>> {
    let began = Instant::now();
    put(0, large).await?;
    let putting = began.elapsed();
    let began = Instant::now();
    get(0).await?;
    let getting = began.elapsed();
    let mut figures = vec![
        Figure::throughput("put 256 MiB", large as u64, putting),
        Figure::throughput("get 256 MiB", large as u64, getting),
    ];
    let (mut puts, mut gets) = (Vec::new(), Vec::new());
    for number in 1..=small_objects as u64 {
        let began = Instant::now();
        put(number, SMALL).await?;
        puts.push(began.elapsed());
        let began = Instant::now();
        get(number).await?;
        gets.push(began.elapsed());
    }
    for (name, mut times) in [("put 4 KiB", puts), ("get 4 KiB", gets)] {
        figures.push(Figure::rate(name, times.len(), times.iter().sum()));
        times.sort_unstable();
        figures.push(Figure::ms(format!("{name} p99"), percentile(&times, 0.99)));
    }
    Ok(figures)
}
