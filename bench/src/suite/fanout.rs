//! `fanout`: one run's changes to many watchers over HTTP, beside bare sockets.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::benchmark::{Benchmark, READS_ONLY};
use crate::figure::{Figure, percentile};
use crate::floor::sockets;
use crate::place::Place;
use crate::platform::{Platform, Runtime};
use crate::workflow;

pub(crate) const BENCHMARK: Benchmark = Benchmark {
    name: "fanout",
    about: "one run with about 100 changes, 100 and 1,000 watchers over HTTP: until the last watcher has a change that NATS has told; floor: sockets",
    durability: READS_ONLY,
    aims: &[("1000 watchers, last one p99", "≤ 50 ms")],
    ours: |place| ours(place).boxed_local(),
    floor: Some(|place| floor(place).boxed_local()),
};

const WATCHERS: [usize; 2] = [100, 1_000];
/// Each gives about three changes.
const TASKS: usize = 34;
const CHANGES: usize = 100;
/// Bytes of an event with its frame, about.
const EVENT_BYTES: usize = 1_500;
const PAUSE: Duration = Duration::from_millis(10);
const ARRIVE_WITHIN: Duration = Duration::from_secs(60);

/// A change, by its place in the decision log, and when it was seen.
type Seen = (u64, Instant);

async fn ours(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let platform = Platform::start(place, Runtime::Simulated).await?;
    let source = workflow::chain(TASKS, "ms=20");
    let mut figures = Vec::new();
    for watchers in WATCHERS {
        let watchers = place.amount(watchers);
        let (seen, mut arrivals) = mpsc::unbounded_channel();
        for _ in 0..watchers {
            tokio::spawn(watch(connect(&platform).await?, seen.clone()));
        }
        let told = told_by_nats(&platform, &source).await?;
        let mut last = told.clone();
        let mut left = watchers * told.len();
        while left > 0 {
            let (seq, at) = tokio::time::timeout(ARRIVE_WITHIN, arrivals.recv())
                .await
                .with_context(|| format!("{left} deliveries did not arrive"))?
                .context("the watchers ended")?;
            if let Some(latest) = last.get_mut(&seq) {
                *latest = at.max(*latest);
                left -= 1;
            }
        }
        let times = told.iter().map(|(seq, told)| last[seq].saturating_duration_since(*told)).collect();
        let began = told.values().min().context("no changes")?;
        let ended = last.values().max().context("no changes")?;
        figures.extend(of_times(watchers, times, *ended - *began));
    }
    platform.stop().await?;
    Ok(figures)
}

async fn floor(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for watchers in WATCHERS {
        let watchers = place.amount(watchers);
        let began = Instant::now();
        let times = sockets::fan_out(watchers, CHANGES, EVENT_BYTES, PAUSE).await?;
        figures.extend(of_times(watchers, times, began.elapsed()));
    }
    Ok(figures)
}

fn of_times(watchers: usize, mut times: Vec<Duration>, took: Duration) -> Vec<Figure> {
    times.sort_unstable();
    let name = |what: &str| format!("{watchers} watchers, {what}");
    vec![
        Figure::ms(name("last one p50"), percentile(&times, 0.50)),
        Figure::ms(name("last one p99"), percentile(&times, 0.99)),
        Figure::rate(name("deliveries"), watchers * times.len(), took),
    ]
}

/// Runs a workflow; gives when a subscriber of NATS heard of each change.
async fn told_by_nats(platform: &Platform, source: &str) -> anyhow::Result<HashMap<u64, Instant>> {
    let mut events = platform.nats_events().await?;
    let run = platform.submit(source).await?;
    events.places_until_end(&run).await
}

async fn connect(platform: &Platform) -> anyhow::Result<TcpStream> {
    let mut socket = TcpStream::connect(platform.authority()).await.context("connecting a watcher")?;
    let (host, token) = (platform.authority(), platform.token());
    let head =
        format!("GET /api/v1/events HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\r\n");
    socket.write_all(head.as_bytes()).await.context("opening an event stream")?;
    let mut text = Vec::new();
    // From its greeting on, a watcher misses nothing.
    while find(&text, b"event: hello").is_none() {
        let read = socket.read_buf(&mut text).await.context("opening an event stream")?;
        ensure!(read > 0, "an event stream was refused: {}", String::from_utf8_lossy(&text));
    }
    Ok(socket)
}

const MARK: &[u8] = b"event: run\nid: ";

async fn watch(mut socket: TcpStream, seen: mpsc::UnboundedSender<Seen>) {
    let mut text: Vec<u8> = Vec::with_capacity(64 << 10);
    while socket.read_buf(&mut text).await.is_ok_and(|read| read > 0) {
        let at = Instant::now();
        let mut done = 0;
        while let Some(place) = find(&text[done..], MARK) {
            let from = done + place + MARK.len();
            let Some(length) = text[from..].iter().position(|byte| *byte == b'\n') else { break };
            let seq = std::str::from_utf8(&text[from..from + length]).ok().and_then(|seq| seq.parse().ok());
            if seen.send((seq.unwrap_or(0), at)).is_err() {
                return;
            }
            done = from + length;
        }
        // Half a mark may be at the end.
        let keep = find(&text[done..], MARK)
            .map_or(text.len().saturating_sub(MARK.len()).max(done), |place| done + place);
        text.drain(..keep);
    }
}

fn find(text: &[u8], mark: &[u8]) -> Option<usize> {
    text.windows(mark.len()).position(|window| window == mark)
}
