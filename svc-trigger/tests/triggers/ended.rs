use bytes::Bytes;
use emboflow_bus::OutgoingRequest;
use emboflow_model::trigger::StartResult;
use emboflow_model::{RunId, RunState};
use emboflow_protocol::request::Verb;
use emboflow_records::RequestOutcome;
use serde_json::{Value, json};

use crate::world::{World, eventually, project};

pub(crate) async fn ask(world: &World, verb: Verb, key: &str, body: Value) {
    let body = Bytes::from(body.to_string());
    let key = Some(key.to_owned());
    let request = OutgoingRequest { project: project(), verb, key, reply_to: None, traceparent: None, body };
    world.bus.publish_request(request).await.unwrap();
}

pub(crate) async fn accepted_as(world: &World, key: &str) -> RunId {
    eventually("the run is accepted", || async {
        match world.records.request(&project(), key).await.unwrap()?.outcome {
            RequestOutcome::Accepted(run) => Some(run),
            RequestOutcome::Rejected(errors) => panic!("{errors:?}"),
        }
    })
    .await
}

/// A run of a workflow that somebody submits and cancels.
async fn cancelled_run(world: &World, workflow: &str, key: &str) -> RunId {
    ask(world, Verb::Submit, key, json!({ "workflow": workflow })).await;
    let run = accepted_as(world, key).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_that_lead_to_each_other_share_a_bound_and_what_is_beyond_it_is_in_the_history() {
    let world = World::start().await;
    world.keep_workflow("ingest", "x: { type: string, default: y }").await;
    for name in ["first", "second"] {
        world.keep(name, "{ run_finished: { workflow: ingest, states: [cancelled] } }", 1).await;
    }
    let service = world.service().await;
    // As one of many that a run has led to: there is room for one more.
    let labels = json!({ "emboflow/chain": "7", "emboflow/chain-room": "1" });
    ask(&world, Verb::Submit, "late", json!({ "workflow": "ingest", "labels": labels })).await;
    let run = accepted_as(&world, "late").await;
    ask(&world, Verb::Cancel, "late-end", json!({ "run": run })).await;
    let runs = world.has_started("first", 1).await;
    let label = |name: &str| runs[0].labels[name].clone();
    assert_eq!((label("emboflow/chain"), label("emboflow/chain-room")), ("8".into(), "0".into()));
    let refused = eventually("the other one is refused", || async {
        world.state("second").await.history.front().cloned()
    })
    .await;
    assert_eq!((refused.result, refused.code.as_deref()), (StartResult::Failed, Some("trigger.chain")));
    assert!(world.runs("second").await.is_empty());
    service.stop().await;
    world.end().await;
}
