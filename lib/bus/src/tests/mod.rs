//! Behaviour against a real nats-server.

mod call;
mod consume;
mod foreign;
mod gather;
mod heartbeat;
mod outage;
mod publish;
mod rights;
mod streams;
mod tls;
mod users;

use std::future::Future;
use std::time::Duration;

use emboflow_model::{ExecutorId, PoolName, ProjectName};
use emboflow_protocol::report::Reports;
use emboflow_protocol::stream::REPORTS;

use crate::{Bus, Consumer, ConsumerSpec, Delivery};

/// A busy machine is given so many times what a quiet one needs.
const BUSY: u32 = 6;

/// Fails the test when something does not happen in the time that a quiet machine needs, and much more.
async fn within<T>(seconds: u64, what: &str, future: impl Future<Output = T>) -> T {
    let patience = BUSY * Duration::from_secs(seconds);
    match tokio::time::timeout(patience, future).await {
        Ok(value) => value,
        Err(_) => panic!("not within {patience:?}: {what}"),
    }
}

/// Asks again and again until the answer is yes.
async fn eventually<F, Fut>(seconds: u64, what: &str, mut check: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    within(seconds, what, async {
        while !check().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// An executor by its id.
fn executor(id: &str) -> ExecutorId {
    ExecutorId::new(id).unwrap()
}

fn project(name: &str) -> ProjectName {
    ProjectName::new(name).unwrap()
}

fn reports(number: usize) -> Reports {
    Reports {
        pool: PoolName::new("pool").unwrap(),
        executor: ExecutorId::new(format!("ex-{number}")).unwrap(),
        reports: Vec::new(),
    }
}

fn number(delivery: &Delivery) -> usize {
    let reports: Reports = delivery.decode().unwrap();
    reports.executor.as_str()["ex-".len()..].parse().unwrap()
}

fn reports_spec() -> ConsumerSpec {
    ConsumerSpec::new(REPORTS, "scheduler")
}

async fn next(consumer: &mut Consumer) -> Delivery {
    let mut batch = within(15, "a message comes", consumer.next_batch(1)).await;
    batch.pop().unwrap()
}

/// Waits for messages and settles them until each of the numbers was seen.
async fn take_all(consumer: &mut Consumer, count: usize) {
    let mut missing: std::collections::BTreeSet<usize> = (0..count).collect();
    while !missing.is_empty() {
        let batch = within(15, "the next messages come", consumer.next_batch(64)).await;
        for delivery in &batch {
            missing.remove(&number(delivery));
        }
        let _ = crate::ack_all(batch).await;
    }
}

async fn stream_messages(bus: &Bus, stream: &str) -> u64 {
    let info: serde_json::Value =
        bus.api(&format!("STREAM.INFO.{stream}"), &serde_json::Value::Null, "test".to_owned()).await.unwrap();
    info.pointer("/state/messages").unwrap().as_u64().unwrap()
}

async fn delete_stream(bus: &Bus, stream: &str) {
    bus.inner.jetstream.delete_stream(stream).await.unwrap();
}
