use bytes::Bytes;
use emboflow_bus::OutgoingRequest;
use emboflow_model::{RunId, RunState};
use emboflow_protocol::request::Verb;
use emboflow_records::RequestOutcome;
use serde_json::{Value, json};

use crate::world::{World, eventually, project};

async fn ask(world: &World, verb: Verb, key: &str, body: Value) {
    let body = Bytes::from(body.to_string());
    let key = Some(key.to_owned());
    let request = OutgoingRequest { project: project(), verb, key, reply_to: None, traceparent: None, body };
    world.bus.publish_request(request).await.unwrap();
}

/// A run of a workflow that somebody submits and cancels.
async fn cancelled_run(world: &World, workflow: &str, key: &str) -> RunId {
    ask(world, Verb::Submit, key, json!({ "workflow": workflow })).await;
    let run = eventually("the run is accepted", || async {
        match world.records.request(&project(), key).await.unwrap()?.outcome {
            RequestOutcome::Accepted(run) => Some(run),
            RequestOutcome::Rejected(errors) => panic!("{errors:?}"),
        }
    })
    .await;
    ask(world, Verb::Cancel, &format!("{key}-end"), json!({ "run": run })).await;
    world.reached(run, RunState::Cancelled).await;
    run
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_run_starts_another_also_of_one_that_ended_while_nobody_looked() {
    let world = World::start().await;
    world.keep_workflow("ingest", "x: { type: string, default: y }").await;
    let inputs = "inputs: { day: '${{ event.data.id }}' }";
    let on = format!("{{ run_finished: {{ workflow: ingest, states: [cancelled], {inputs} }} }}");
    world.keep("after", &on, 1).await;
    world.keep("never", "{ run_finished: { workflow: ingest, states: [succeeded] } }", 1).await;
    let service = world.service().await;
    let first = cancelled_run(&world, "ingest", "a").await;
    cancelled_run(&world, "report", "b").await;
    let runs = world.has_started("after", 1).await;
    assert_eq!(runs[0].inputs["day"], first.to_string());
    assert_eq!(runs[0].labels["emboflow/chain"], "1");
    service.stop().await;

    let second = cancelled_run(&world, "ingest", "c").await;
    let (one, two) = (world.service().await, world.service().await);
    let runs = world.has_started("after", 2).await;
    assert_eq!(runs[1].inputs["day"], second.to_string());
    let third = cancelled_run(&world, "ingest", "d").await;
    let runs = world.has_started("after", 3).await;
    assert_eq!((runs.len(), &runs[2].inputs["day"]), (3, &json!(third.to_string())));
    assert!(world.runs("never").await.is_empty());
    one.stop().await;
    two.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_ended_before_the_trigger_was_made_starts_nothing() {
    let world = World::start().await;
    world.keep_workflow("ingest", "x: { type: string, default: y }").await;
    cancelled_run(&world, "ingest", "old").await;
    world.keep("after", "{ run_finished: { workflow: ingest, states: [cancelled] } }", 0).await;
    let service = world.service().await;
    let new = cancelled_run(&world, "ingest", "new").await;
    let runs = world.has_started("after", 1).await;
    assert_eq!((runs.len(), runs[0].key.as_str()), (1, format!("trigger/id-after/run/{new}").as_str()));
    service.stop().await;
    world.end().await;
}
