//! What tasks store starts runs when their run has ended, within the bound of runs that lead to each other.

use emboflow_model::RunState;
use emboflow_model::trigger::StartResult;
use emboflow_protocol::request::Verb;
use serde_json::{Value, json};

use crate::ended::{accepted_as, ask};
use crate::storage::{Gateway, NEVER_MS};
use crate::world::{World, eventually};

const ON: &str = "{ object_created: { prefix: runs/, inputs: { day: '${{ event.data.name }}' } } }";

/// A run of `report` that somebody submits with labels; nothing executes it.
async fn submitted(world: &World, key: &str, labels: Value) -> emboflow_model::RunId {
    ask(world, Verb::Submit, key, json!({ "workflow": "report", "labels": labels })).await;
    accepted_as(world, key).await
}

async fn stored(gateway: &Gateway, run: emboflow_model::RunId, files: &[&str]) {
    let attempt = format!("lab/runs/{run}/attempts/a/1");
    for file in files {
        gateway.put(&format!("{attempt}/artifacts/out/{file}"), file.to_string()).await;
    }
    gateway.put(&format!("{attempt}/artifacts/half/never"), "a list of this artifact never comes").await;
    gateway.put(&format!("{attempt}/logs/000000000000.log"), "hello").await;
    gateway.put(&format!("{attempt}/artifacts/out.manifest.json"), "{}").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outputs_start_runs_when_their_run_has_ended_and_logs_never_do() {
    let world = World::start().await;
    let gateway = Gateway::start(&world).await;
    world.keep("outputs", ON, 1).await;
    let service = world.service_with(gateway.settings(&world, NEVER_MS)).await;
    let run = submitted(&world, "first", json!({})).await;
    stored(&gateway, run, &["a", "b"]).await;
    // One that nobody waits for any more.
    gateway.put("lab/runs/run-01jd8v7m2kq3x5w9c0hn4tz6ap/attempts/a/1/artifacts/out/x", "x").await;
    assert!(world.runs("outputs").await.is_empty());
    ask(&world, Verb::Cancel, "first-end", json!({ "run": run })).await;
    world.reached(run, RunState::Cancelled).await;
    let runs = world.has_started("outputs", 2).await;
    let said: Vec<_> = runs.iter().map(|run| run.inputs["day"].as_str().unwrap()).collect();
    assert_eq!((runs.len(), said), (2, vec!["a", "b"]));
    let labels: Vec<_> = runs
        .iter()
        .map(|run| (&*run.labels["emboflow/chain"], &*run.labels["emboflow/chain-room"]))
        .collect();
    assert_eq!(labels, [("1", "499"), ("1", "499")], "they share the room");
    gateway.end();
    service.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workflow_that_writes_where_it_listens_is_stopped_and_two_triggers_share_the_bound() {
    let world = World::start().await;
    let gateway = Gateway::start(&world).await;
    for name in ["one", "two"] {
        world.keep(name, ON, 1).await;
    }
    let service = world.service_with(gateway.settings(&world, NEVER_MS)).await;
    // As one of many that a run has led to: there is room for three more.
    let run = submitted(&world, "late", json!({ "emboflow/chain": "7", "emboflow/chain-room": "3" })).await;
    stored(&gateway, run, &["a", "b"]).await;
    ask(&world, Verb::Cancel, "late-end", json!({ "run": run })).await;
    assert_eq!(world.has_started("one", 2).await.len(), 2);
    assert_eq!(world.has_started("two", 1).await.len(), 1);
    let refused = eventually("the fourth is refused", || async {
        let history = world.state("two").await.history;
        history.into_iter().find(|start| start.result == StartResult::Failed)
    })
    .await;
    assert_eq!(refused.code.as_deref(), Some("trigger.chain"));
    // At the end of a chain.
    let last = submitted(&world, "last", json!({ "emboflow/chain": "32" })).await;
    stored(&gateway, last, &["c"]).await;
    ask(&world, Verb::Cancel, "last-end", json!({ "run": last })).await;
    eventually("it is stopped", || async {
        let history = world.state("one").await.history;
        history.into_iter().find(|start| start.code.as_deref() == Some("trigger.chain"))
    })
    .await;
    assert_eq!(world.runs("one").await.len(), 2);
    gateway.end();
    service.stop().await;
    world.end().await;
}
