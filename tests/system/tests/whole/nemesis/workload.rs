//! Clients that submit, cancel, repeat themselves, and remember what they were told.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::Method;
use system_tests::{Client, Containers, fan_out, long_task, pair, task, within};

/// How long each task of a pair runs.
const TASK_MS: u64 = 400;
/// How long a client watches a run before it goes on to the next one.
const WATCHES: Duration = Duration::from_secs(4);
/// A program that fails for its own reasons, and may be tried so often.
pub(super) const TRIES: u32 = 2;

/// What a client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Pair,
    FanOut,
    /// Fails by itself, each time.
    Failing,
    /// Runs for a minute, and is cancelled.
    Cancelled,
}

/// A run that somebody was promised.
#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) key: String,
    pub(super) run: String,
    pub(super) kind: Kind,
}

/// What the clients do until it ends.
pub(super) struct Workload<'s> {
    client: &'s Client,
    containers: &'s Containers,
    seed: u64,
    is_over: AtomicBool,
}

impl<'s> Workload<'s> {
    pub(super) fn new(client: &'s Client, containers: &'s Containers, seed: u64) -> Self {
        Self { client, containers, seed, is_over: AtomicBool::new(false) }
    }

    /// Nothing new is begun from now on.
    pub(super) fn ends(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// So many clients at the same time; what each of them was told.
    pub(super) async fn work(&self, clients: usize) -> Vec<Vec<History>> {
        join_all((0..clients).map(|number| self.work_as(number))).await
    }

    async fn work_as(&self, number: usize) -> Vec<History> {
        let mut dice = StdRng::seed_from_u64(self.seed ^ (number as u64 + 1) << 32);
        let mut histories = Vec::new();
        while !self.is_over.load(Ordering::Relaxed) {
            let kind = [Kind::Pair, Kind::FanOut, Kind::Failing, Kind::Cancelled][dice.random_range(0..4)];
            let key = format!("client-{number}-{}", histories.len());
            let run = self.submit(&key, kind).await;
            if dice.random_bool(0.3) {
                assert_eq!(self.submit(&key, kind).await, run, "the same key is the same run");
            }
            histories.push(History { key, run: run.clone(), kind });
            match kind {
                Kind::Cancelled => self.cancel(&run, dice.random_range(0..2_000)).await,
                _ => self.watch(&run).await,
            }
        }
        histories
    }

    async fn submit(&self, key: &str, kind: Kind) -> String {
        let source = match kind {
            Kind::Pair => pair(TASK_MS),
            Kind::FanOut => fan_out(),
            Kind::Cancelled => long_task(),
            Kind::Failing => {
                task(&format!("run: exit 3\nenv: {{ SIMULATE: \"exit=3\" }}\nretry: {{ attempts: {TRIES} }}"))
            }
        };
        self.client.submit(key, &source).await
    }

    /// Until it has ended, or for a while.
    async fn watch(&self, run: &str) {
        let ended = async {
            while self.client.run(run).await.is_none_or(|seen| seen["finished_at"].is_null()) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        // Whether it ends is the judge's to see.
        let _ = tokio::time::timeout(WATCHES, ended).await;
    }

    /// Cancels until that is accepted. When it is said to be cancelled, nothing of it runs.
    async fn cancel(&self, run: &str, after_ms: u64) {
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        within(self.client.patience(), &format!("{run} may be cancelled"), || async {
            let cancel = self.client.request(Method::POST, &format!("/runs/{run}/cancel"));
            cancel.send().await.is_ok_and(|answer| answer.status().is_success()).then_some(())
        })
        .await;
        self.watch(run).await;
        let seen = self.client.run(run).await;
        if seen.is_some_and(|seen| seen["state"] == "cancelled") {
            let running = self.containers.try_running(run).unwrap_or_default();
            assert!(running.is_empty(), "{run} is cancelled, and {running:?} run");
        }
    }
}
