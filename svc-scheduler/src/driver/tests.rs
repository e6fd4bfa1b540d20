//! The outbox and the feeds against a real nats-server.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use emboflow_bus::testing::TestServer;
use emboflow_bus::{Bus, ConsumerSpec, Delivery, Pulse};
use emboflow_model::{AttemptId, ExecutorId, Outcome, Reason, RunId};
use emboflow_protocol::command::{Command, Commands, Start};
use emboflow_protocol::event::Event;
use emboflow_protocol::report::Phase;
use emboflow_protocol::stream::{COMMANDS, EVENTS, REPORTS};
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::feeds::{self, Signal};
use super::machine::Machine;
use super::outbox::{Outbox, Parcel};
use crate::planner::Effect;

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(20), future).await {
        Ok(value) => value,
        Err(_) => panic!("not within 20 s: {what}"),
    }
}

fn executor() -> ExecutorId {
    "one".parse().unwrap()
}

fn attempt(number: u32) -> AttemptId {
    AttemptId { run: RunId::from_bits(1), task: "a".parse().unwrap(), number }
}

fn command(command: Command) -> Effect {
    Effect::Command { pool: "default".parse().unwrap(), executor: executor(), command }
}

fn release(number: u32) -> Effect {
    command(Command::Release { attempt: attempt(number), fence: 1 })
}

fn start(number: u32, arg_bytes: usize) -> Effect {
    let spec = json!({
        "image": "busybox",
        "args": ["x".repeat(arg_bytes)],
        "resources": emboflow_model::Resources::default(),
        "log_limit_bytes": 1
    });
    command(Command::Start(Box::new(Start {
        attempt: attempt(number),
        fence: 7,
        project: "lab".parse().unwrap(),
        trace_id: "0".repeat(32),
        spec: serde_json::from_value(spec).unwrap(),
    })))
}

fn event() -> Effect {
    let event = json!({
        "specversion": "1.0", "id": format!("{}/1", RunId::from_bits(1)), "source": "/", "type": "t",
        "subject": RunId::from_bits(1), "time": "2026-01-01T00:00:00.000Z", "datacontenttype": "application/json",
        "data": { "project": "lab", "shard": 0, "seq": 1, "run": {
            "id": RunId::from_bits(1), "project": "lab", "workflow": "w", "state": "running",
            "tasks": { "total": 1, "by_state": {} }, "created_at": "2026-01-01T00:00:00.000Z", "version": 1
        } }
    });
    Effect::Publish(Box::new(serde_json::from_value(event).unwrap()))
}

fn outbox(bus: &Bus) -> (Outbox<Machine>, mpsc::Receiver<Signal<Delivery>>, watch::Receiver<u64>) {
    let (signals, inbox) = mpsc::channel(8);
    let (told, follow) = watch::channel(0);
    let outbox = Outbox {
        world: Machine::new(bus.clone()),
        fail_points: Arc::default(),
        pulse: Pulse::default(),
        signals,
        told,
    };
    (outbox, inbox, follow)
}

/// Sends one parcel with these effects and waits until all of it is told.
async fn send(outbox: Outbox<Machine>, follow: &mut watch::Receiver<u64>, parcel: Parcel<Delivery>) {
    let (parcels, sent) = mpsc::unbounded_channel();
    parcels.send(Parcel { through_seq: 1, ..parcel }).ok().unwrap();
    drop(parcels);
    tokio::spawn(outbox.send_parcels(sent));
    soon("the parcel is told", follow.wait_for(|seq| *seq == 1)).await.unwrap();
}

#[tokio::test]
async fn a_start_that_fits_no_message_ends_its_attempt_and_the_others_are_sent() {
    let server = TestServer::start().await;
    let bus = server.bus("scheduler").await;
    let (outbox, mut inbox, mut follow) = outbox(&bus);
    let effects = vec![release(1), start(2, 2 * 1024 * 1024), start(3, 10), event()];
    send(outbox, &mut follow, Parcel { effects, ..Parcel::default() }).await;
    let Some(Signal::Refused(refused)) = soon("the refusal", inbox.recv()).await else {
        panic!("no refusal")
    };
    let (to, report) = *refused;
    assert_eq!((to, &report.attempt, report.fence), (executor(), &attempt(2), 7));
    let Phase::Ended { end } = report.phase else { panic!("{report:?}") };
    assert_eq!((end.outcome, end.reason), (Outcome::Failed, Some(Reason::SpecInvalid)));
    assert!(end.message.as_ref().unwrap().contains("fits into no message"), "{end:?}");
    let subject = Commands::subject_of(&"default".parse().unwrap(), &executor());
    let spec = ConsumerSpec {
        filter: Some(subject),
        ..ConsumerSpec::new(COMMANDS, Commands::consumer_of(&executor()))
    };
    let mut consumer = bus.consume(spec).await.unwrap();
    let mut told = Vec::new();
    while told.len() < 2 {
        for delivery in soon("the commands", consumer.next_batch(8)).await {
            told.extend(delivery.decode::<Commands>().unwrap().commands);
            delivery.ack().await.unwrap();
        }
    }
    let numbers: Vec<_> = told.iter().map(|command| command.attempt().number).collect();
    assert_eq!(numbers, [1, 3]);
    assert_eq!(bus.stored_messages(&EVENTS).await.unwrap(), 1);
}

#[tokio::test]
async fn a_full_stream_of_commands_keeps_neither_events_nor_acknowledgements_back() {
    let server = TestServer::start().await;
    let bus = server.bus("scheduler").await;
    server.limit_stream(&bus, &COMMANDS, 1_000).await;
    let reports = emboflow_protocol::report::Reports {
        pool: "default".parse().unwrap(),
        executor: executor(),
        reports: Vec::new(),
    };
    bus.publish(&reports).await.unwrap();
    let mut consumer = bus.consume(ConsumerSpec::new(REPORTS, "scheduler-reports")).await.unwrap();
    let settle = soon("the report", consumer.next_batch(1)).await;
    let (outbox, _inbox, mut follow) = outbox(&bus);
    let effects = vec![start(1, 5_000), event()];
    send(outbox, &mut follow, Parcel { effects, settle, ..Parcel::default() }).await;
    assert_eq!(bus.stored_messages(&COMMANDS).await.unwrap(), 0);
    assert_eq!(bus.stored_messages(&EVENTS).await.unwrap(), 1);
    assert_eq!(bus.stored_messages(&REPORTS).await.unwrap(), 0);
}

#[tokio::test]
async fn forgotten_events_are_noticed_at_the_start_and_when_nats_comes_back_empty() {
    let mut server = TestServer::start().await;
    let bus = server.bus("scheduler").await;
    let (signals, mut inbox) = mpsc::channel(8);
    let stop = CancellationToken::new();
    let watching = tokio::spawn(feeds::notice_emptied(bus.clone(), signals, stop.clone()));
    assert!(matches!(soon("an empty stream", inbox.recv()).await, Some(Signal::Emptied)));
    let Effect::Publish(event) = event() else { panic!("no event") };
    bus.publish::<Event>(&event).await.unwrap();
    server.restart().await;
    let back = async { while bus.publish::<Event>(&event).await.is_err() {} };
    soon("NATS is back", back).await;
    server.empty().await;
    assert!(matches!(soon("an emptied NATS", inbox.recv()).await, Some(Signal::Emptied)));
    assert!(inbox.try_recv().is_err(), "a restart alone forgets nothing");
    stop.cancel();
    soon("it ends", watching).await.unwrap();
}
