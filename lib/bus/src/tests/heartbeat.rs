use std::collections::BTreeMap;

use async_nats::HeaderMap;
use bytes::Bytes;
use emboflow_model::executor::{Disk, ExecutorState, Heartbeat};
use emboflow_model::{ExecutorId, PoolName, Resources, Timestamp};

use super::{eventually, within};
use crate::testing::TestServer;
use crate::{HeartbeatChange, Heartbeats};

pub(super) fn heartbeat(executor: &str, sent_at: i64) -> Heartbeat {
    Heartbeat {
        executor: ExecutorId::new(executor).unwrap(),
        pool: PoolName::new("pool").unwrap(),
        incarnation: "a".to_owned(),
        journal: "b".to_owned(),
        state: ExecutorState::Online,
        capacity: Resources::default(),
        used: Resources::default(),
        slots: 4,
        labels: BTreeMap::new(),
        runtime: "simulated".to_owned(),
        version: "0.1.0".to_owned(),
        attempts: Vec::new(),
        disk: Disk::default(),
        sent_at: Timestamp(sent_at),
    }
}

/// Waits until this very heartbeat is seen.
pub(super) async fn see(watch: &mut Heartbeats, wanted: &Heartbeat) {
    within(10, "the heartbeat is seen", async {
        loop {
            if watch.next().await.unwrap() == HeartbeatChange::Seen(Box::new(wanted.clone())) {
                return;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_watch_tells_what_is_known_first_and_then_what_is_new() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    bus.put_heartbeat(&heartbeat("old", 1)).await.unwrap();
    bus.put_heartbeat(&heartbeat("old", 2)).await.unwrap();
    let mut watch = bus.watch_heartbeats().await.unwrap();
    let first = within(5, "the known one", watch.next()).await.unwrap();
    assert_eq!(first, HeartbeatChange::Seen(Box::new(heartbeat("old", 2))), "only the newest is kept");
    bus.put_heartbeat(&heartbeat("new", 3)).await.unwrap();
    see(&mut watch, &heartbeat("new", 3)).await;
    assert_eq!(bus.heartbeats().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_forgotten_executor_is_gone_for_every_watcher() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let mut watch = bus.watch_heartbeats().await.unwrap();
    bus.put_heartbeat(&heartbeat("ex", 1)).await.unwrap();
    see(&mut watch, &heartbeat("ex", 1)).await;
    let id = ExecutorId::new("ex").unwrap();
    bus.forget_executor(&id).await.unwrap();
    within(5, "it is gone", async {
        while watch.next().await.unwrap() != HeartbeatChange::Gone(id.clone()) {}
    })
    .await;
    assert!(bus.heartbeats().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_garbage_heartbeat_becomes_a_dead_letter_and_the_watch_goes_on() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let mut watch = bus.watch_heartbeats().await.unwrap();
    let foreign = serde_json::to_vec(&heartbeat("other", 1)).unwrap();
    for body in [b"\xfe".to_vec(), foreign] {
        bus.publish_raw("$KV.emboflow_executors.ex", HeaderMap::new(), Bytes::from(body)).await.unwrap();
    }
    bus.put_heartbeat(&heartbeat("ex", 1)).await.unwrap();
    see(&mut watch, &heartbeat("ex", 1)).await;
    eventually(5, "two letters", || async { bus.dead_letters(9).await.unwrap().len() == 2 }).await;
}
