use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::HeaderMap;
use bytes::Bytes;
use emboflow_model::executor::{Disk, ExecutorState, Heartbeat};
use emboflow_model::{ExecutorId, PoolName, Resources, Timestamp};
use emboflow_protocol::command::Commands;
use emboflow_protocol::message::Message;
use emboflow_protocol::stream::COMMANDS;

use super::{eventually, next, stream_messages, within};
use crate::testing::TestServer;
use crate::{ConsumerSpec, Garbage, HeartbeatChange, Heartbeats};

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
        taints: BTreeMap::new(),
        devices: Vec::new(),
        at_hand: Default::default(),
        runtime: "simulated".to_owned(),
        version: "0.1.0".to_owned(),
        fences: true,
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
    let mut watch = bus.watch_heartbeats(Garbage::Bury, Duration::MAX).await.unwrap();
    let first = within(5, "the known one", watch.next()).await.unwrap();
    assert_eq!(first, HeartbeatChange::Seen(Box::new(heartbeat("old", 2))), "only the newest is kept");
    bus.put_heartbeat(&heartbeat("new", 3)).await.unwrap();
    see(&mut watch, &heartbeat("new", 3)).await;
    assert_eq!(bus.heartbeats().await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_was_kept_for_too_long_is_not_told_again() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    bus.put_heartbeat(&heartbeat("old", 1)).await.unwrap();
    let kept = Duration::from_millis(200);
    let is_old = || async { bus.heartbeats_of_last(kept).await.unwrap().is_empty() };
    eventually(5, "the heartbeat is old", is_old).await;
    let mut watch = bus.watch_heartbeats(Garbage::PassOver, kept).await.unwrap();
    bus.put_heartbeat(&heartbeat("new", 2)).await.unwrap();
    let first = within(5, "the new one", watch.next()).await.unwrap();
    assert_eq!(first, HeartbeatChange::Seen(Box::new(heartbeat("new", 2))));
    assert_eq!(bus.heartbeats().await.unwrap().len(), 2, "whoever asks for all gets all");
}

#[tokio::test]
async fn a_forgotten_executor_is_gone_for_every_watcher() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let mut watch = bus.watch_heartbeats(Garbage::Bury, Duration::MAX).await.unwrap();
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
async fn commands_that_wait_for_a_forgotten_executor_go_with_it() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let pool = PoolName::new("pool").unwrap();
    let commands = |executor: &str| Commands {
        pool: pool.clone(),
        executor: ExecutorId::new(executor).unwrap(),
        commands: Vec::new(),
    };
    let spec = |executor: &str| ConsumerSpec {
        filter: Some(commands(executor).subject()),
        ..ConsumerSpec::new(COMMANDS, Commands::consumer_of(&commands(executor).executor))
    };
    let mut consumer = bus.consume(spec("stays")).await.unwrap();
    drop(bus.consume(spec("goes")).await.unwrap());
    bus.publish(&commands("goes")).await.unwrap();
    bus.publish(&commands("stays")).await.unwrap();
    for _ in 0..2 {
        bus.forget_executor(&commands("goes").executor).await.unwrap();
    }
    assert_eq!(stream_messages(&bus, COMMANDS.name).await, 1);
    let delivery = next(&mut consumer).await;
    assert_eq!(delivery.decode::<Commands>().unwrap(), commands("stays"));
    // One that comes back takes commands as before.
    let mut back = bus.consume(spec("goes")).await.unwrap();
    bus.publish(&commands("goes")).await.unwrap();
    next(&mut back).await.ack().await.unwrap();
}

#[tokio::test]
async fn a_garbage_heartbeat_becomes_one_dead_letter_however_many_watch() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let mut watch = bus.watch_heartbeats(Garbage::Bury, Duration::MAX).await.unwrap();
    let mut other = bus.watch_heartbeats(Garbage::PassOver, Duration::MAX).await.unwrap();
    let foreign = serde_json::to_vec(&heartbeat("other", 1)).unwrap();
    for body in [b"\xfe".to_vec(), foreign] {
        bus.publish_raw("$KV.emboflow_executors.ex", HeaderMap::new(), Bytes::from(body)).await.unwrap();
    }
    bus.put_heartbeat(&heartbeat("ex", 1)).await.unwrap();
    see(&mut other, &heartbeat("ex", 1)).await;
    see(&mut watch, &heartbeat("ex", 1)).await;
    eventually(5, "two letters", || async { bus.dead_letters(9).await.unwrap().len() == 2 }).await;
}
