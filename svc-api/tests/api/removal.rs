//! What is no longer kept, and executors that do not come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use emboflow_model::executor::Heartbeat;
use emboflow_model::{LogEntry, RunSummary, Timestamp};
use emboflow_protocol::call::{ForgetAnswer, ForgetExecutor, ObjectsRemoved, RemoveObjects};
use emboflow_records::Removal;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{EventStream, History, World, answer, attempt_end, prefix, until};

async fn ask(world: &World, run: &RunSummary) -> ObjectsRemoved {
    world.bus.call(&RemoveObjects { run: run.id }, Duration::from_secs(10)).await.unwrap()
}

#[tokio::test]
async fn objects_go_only_of_a_run_that_the_records_note_as_removed() {
    let world = World::start().await;
    let mut history = History::new();
    let mut runs = Vec::new();
    for key in ["k1", "k2"] {
        let first = history.accept("default", key, b"{}", &[("train", None)]);
        let running = history.dispatch(&first, "train");
        let ended = history.succeed(&running, "train", attempt_end(None, Vec::new()));
        let objects = ["logs/000000000000.log", "artifacts/model/a", "artifacts/model/b/c"];
        let objects = objects.map(|name| format!("{}{name}", prefix(&first, "train")));
        for key in &objects {
            world.put_object(key, "content").await;
        }
        let entries = [first.clone(), running, ended].map(LogEntry::Transition);
        world.decide(entries.to_vec()).await;
        world.project().await;
        runs.push((world.records.run(first.run).await.unwrap().unwrap(), objects));
    }
    let ((gone, its_objects), (kept, other_objects)) = (&runs[0], &runs[1]);
    assert_eq!(ask(&world, gone).await, ObjectsRemoved { removed: 0, done: true });
    assert!(world.has_object(&its_objects[0]).await, "anybody could have asked");

    world.records.remove_run(0, Removal::from(gone)).await.unwrap();
    assert_eq!(ask(&world, gone).await, ObjectsRemoved { removed: 3, done: true });
    assert_eq!(ask(&world, gone).await, ObjectsRemoved { removed: 0, done: true });
    for key in its_objects {
        assert!(!world.has_object(key).await, "{key}");
    }
    for key in other_objects {
        assert!(world.has_object(key).await, "{key}");
    }
    let path = |run: &RunSummary| format!("/api/v1/projects/default/runs/{}", run.id);
    assert_eq!(world.get(&path(gone)).await.0, StatusCode::NOT_FOUND);
    assert_eq!(world.get(&path(kept)).await.0, StatusCode::OK);
    world.end().await;
}

#[tokio::test]
async fn who_comes_back_with_an_id_from_before_a_removal_reads_everything_again() {
    let world = World::start().await;
    let mut history = History::new();
    let first = history.accept("default", "k1", b"{}", &[("train", None)]);
    let refused = history.reject("k2", b"{}", &[]);
    let running = history.dispatch(&first, "train");
    world.decide(vec![LogEntry::Transition(first), refused, LogEntry::Transition(running)]).await;
    world.project().await;
    let old = world.records.requests_after(0, 1, 1).await.unwrap();
    world.records.remove_requests(0, old).await.unwrap();

    let (mut behind, _) = EventStream::open(&world, "", Some(1)).await;
    assert_eq!(behind.next().await.kind, "resync");
    let (mut near, _) = EventStream::open(&world, "", Some(2)).await;
    let told = near.next().await;
    assert_eq!((told.kind.as_str(), told.id), ("run", Some(3)));
    world.end().await;
}

fn heartbeat(executor: &str) -> Heartbeat {
    let heartbeat = json!({
        "executor": executor, "pool": "default", "incarnation": "i", "journal": "j", "state": "online",
        "capacity": {}, "slots": 1, "runtime": "simulated", "version": "1", "sent_at": Timestamp(1_000),
        "disk": {"free_bytes": 1, "total_bytes": 2},
    });
    serde_json::from_value(heartbeat).unwrap()
}

#[tokio::test]
async fn an_executor_is_forgotten_by_the_scheduler_and_leaves_the_list() {
    let world = World::start().await;
    world.bus.ensure_streams().await.unwrap();
    let path = "/api/v1/executors/e1/forget";
    let forget = async || answer(world.request(Method::POST, path)).await;
    world.bus.put_heartbeat(&heartbeat("e1")).await.unwrap();
    let listed = async || world.get("/api/v1/executors").await.1["items"].as_array().unwrap().len();
    until("the executor is listed", async || (listed().await == 1).then_some(())).await;
    let (status, problem) = forget().await;
    let expected = (StatusCode::SERVICE_UNAVAILABLE, Some("scheduler.unavailable"));
    assert_eq!((status, problem["code"].as_str()), expected);

    let (stop, is_silent) = (world.shutdown.token(), Arc::new(AtomicBool::new(false)));
    let scheduler = tokio::spawn({
        let (bus, is_silent) = (world.bus.clone(), is_silent.clone());
        async move {
            let serving = bus.clone();
            let decide = move |call: ForgetExecutor| {
                let (bus, is_silent) = (serving.clone(), is_silent.load(Ordering::SeqCst));
                async move {
                    if call.executor.as_str() != "e1" {
                        return Ok(ForgetAnswer::Unknown);
                    }
                    if !is_silent {
                        return Ok(ForgetAnswer::Online { age_ms: 2_500 });
                    }
                    bus.forget_executor(&call.executor).await.map_err(|error| error.to_string())?;
                    Ok(ForgetAnswer::Forgotten { lost_attempts: 2 })
                }
            };
            bus.serve(ForgetExecutor::filter(), stop, decide).await
        }
    });
    until("the scheduler refuses", async || {
        let (status, problem) = forget().await;
        (status == StatusCode::CONFLICT).then(|| {
            assert_eq!(problem["code"], "executor.online");
            assert!(problem["detail"].as_str().unwrap().contains("2 s ago"), "{problem}");
        })
    })
    .await;
    let (status, problem) = answer(world.request(Method::POST, "/api/v1/executors/nobody/forget")).await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::NOT_FOUND, Some("executor.not_found")));
    is_silent.store(true, Ordering::SeqCst);
    let (mut stream, _) = EventStream::open(&world, "", None).await;
    let (status, forgotten) = forget().await;
    assert_eq!((status, forgotten), (StatusCode::OK, json!({ "executor": "e1", "lost_attempts": 2 })));
    assert_eq!(stream.next_of("executor").await.data["forgotten"], true);
    until("it is off the list", async || (listed().await == 0).then_some(())).await;
    world.end().await;
    scheduler.await.unwrap().unwrap();
}
