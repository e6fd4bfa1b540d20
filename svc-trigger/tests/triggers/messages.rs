use async_nats::HeaderMap;
use async_nats::jetstream::stream::Config;
use bytes::Bytes;
use emboflow_model::trigger::StartResult;
use serde_json::json;

use crate::world::{World, eventually};

const ON_STREAM: &str =
    "{ nats: { stream: ORDERS, subject: 'orders.*', inputs: { day: '${{ event.data.day }}' } } }";

async fn make_stream(world: &World) {
    let config =
        Config { name: "ORDERS".to_owned(), subjects: vec!["orders.>".to_owned()], ..Config::default() };
    world.jetstream().await.create_stream(config).await.unwrap();
}

async fn publish(world: &World, subject: &'static str, body: impl Into<Bytes>) {
    world.jetstream().await.publish(subject, body.into()).await.unwrap().await.unwrap();
}

fn order(day: &str) -> String {
    json!({ "day": day }).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_message_of_a_stream_starts_exactly_one_run_whoever_else_is_there() {
    let world = World::start().await;
    make_stream(&world).await;
    world.keep("orders", ON_STREAM, 1).await;
    // Before the service is there, and after.
    for day in 0..5 {
        publish(&world, "orders.new", order(&format!("before-{day}"))).await;
    }
    let (one, two) = (world.service().await, world.service().await);
    for garbage in ["not json", "", "{\"dya\": 1}", "[]"] {
        publish(&world, "orders.new", garbage).await;
    }
    publish(&world, "orders.new.deeper", order("not meant")).await;
    for day in 0..20 {
        publish(&world, "orders.new", order(&format!("after-{day}"))).await;
    }
    let runs = world.has_started("orders", 25).await;
    assert_eq!(runs.len(), 25);
    let days: std::collections::BTreeSet<_> = runs.iter().map(|run| run.inputs["day"].to_string()).collect();
    assert_eq!(days.len(), 25);
    let failures = eventually("what could not be read is in the history", || async {
        let state = world.state("orders").await;
        let failed: Vec<_> =
            state.history.iter().filter(|start| start.result == StartResult::Failed).cloned().collect();
        (failed.len() >= 4).then_some(failed)
    })
    .await;
    assert!(failures.iter().all(|start| start.message.as_ref().unwrap().contains("day")), "{failures:?}");
    one.stop().await;
    two.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_deleted_and_made_anew_starts_new_runs_for_the_same_sequences() {
    let world = World::start().await;
    world.keep("orders", ON_STREAM, 1).await;
    let service = world.service().await;
    eventually("that there is no stream yet is said", || async {
        let state = world.state("orders").await;
        state.history.iter().any(|start| start.result == StartResult::Failed).then_some(())
    })
    .await;
    make_stream(&world).await;
    publish(&world, "orders.new", order("one")).await;
    publish(&world, "orders.new", order("two")).await;
    world.has_started("orders", 2).await;
    world.jetstream().await.delete_stream("ORDERS").await.unwrap();
    make_stream(&world).await;
    publish(&world, "orders.new", order("three")).await;
    let runs = world.has_started("orders", 3).await;
    let ends = |run: &crate::world::Accepted, end: &str| run.key.ends_with(end);
    assert!(ends(&runs[0], ":1") && ends(&runs[1], ":2") && ends(&runs[2], ":1"), "{runs:?}");
    service.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_on_a_subject_starts_a_run_and_a_cloud_event_only_one() {
    let world = World::start().await;
    let (one, two) = (world.service().await, world.service().await);
    world.keep("door", "{ nats: { subject: 'door.*', inputs: { day: '${{ event.data.day }}' } } }", 1).await;
    let client = async_nats::connect(world.nats.url()).await.unwrap();
    // Nobody keeps what comes before somebody listens.
    eventually("somebody listens", || async {
        client.publish("door.open", order("first").into()).await.unwrap();
        client.flush().await.unwrap();
        (!world.runs("door").await.is_empty()).then_some(())
    })
    .await;

    let event = json!({
        "specversion": "1.0", "id": "7", "source": "/door", "type": "door.opened", "data": { "day": "structured" }
    });
    let mut structured = HeaderMap::new();
    structured.insert("Content-Type", "application/cloudevents+json");
    let mut binary = HeaderMap::new();
    for (name, value) in [("ce-specversion", "1.0"), ("ce-id", "8"), ("ce-source", "/door"), ("ce-type", "t")]
    {
        binary.insert(name, value);
    }
    let is_there =
        async |day: &str| world.runs("door").await.iter().filter(|run| run.inputs["day"] == day).count();
    for _ in 0..3 {
        let body = event.to_string();
        client.publish_with_headers("door.open", structured.clone(), body.into()).await.unwrap();
        client.publish_with_headers("door.open", binary.clone(), order("binary").into()).await.unwrap();
        client.publish("door.open", "garbage".into()).await.unwrap();
    }
    client.publish("door.open", order("last").into()).await.unwrap();
    client.flush().await.unwrap();
    for day in ["structured", "binary", "last"] {
        eventually(day, || async { (is_there(day).await == 1).then_some(()) }).await;
    }
    one.stop().await;
    two.stop().await;
    assert_eq!((is_there("structured").await, is_there("binary").await), (1, 1));
    world.end().await;
}
