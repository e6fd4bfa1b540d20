//! Executors and pools that operators keep work away from.

use emboflow_model::Timestamp;
use emboflow_model::executor::Heartbeat;
use emboflow_protocol::call::{AskCordons, CordonFigures};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{World, answer, until};

const CORDON: &str = "/api/v1/executors/e1/cordon";

fn heartbeat() -> Heartbeat {
    let heartbeat = json!({
        "executor": "e1", "pool": "default", "incarnation": "i", "journal": "j", "state": "online",
        "capacity": {}, "slots": 1, "runtime": "simulated", "version": "1", "sent_at": Timestamp(1_000),
        "disk": {"free_bytes": 1, "total_bytes": 2},
    });
    serde_json::from_value(heartbeat).unwrap()
}

async fn world_with_an_executor() -> World {
    let world = World::start().await;
    world.bus.ensure_streams().await.unwrap();
    world.bus.put_heartbeat(&heartbeat()).await.unwrap();
    until("the executor is listed", async || listed(&world).await).await;
    world
}

async fn listed(world: &World) -> Option<Value> {
    world.get("/api/v1/executors").await.1["items"].as_array()?.first().cloned()
}

async fn cordon(world: &World, body: Value) -> (StatusCode, Value) {
    answer(world.request(Method::PUT, CORDON).json(&body)).await
}

#[tokio::test]
async fn an_executor_is_cordoned_drained_and_given_work_again() {
    let world = world_with_an_executor().await;
    let (status, made) = cordon(&world, json!({ "reason": " new disks " })).await;
    assert_eq!(status, StatusCode::OK, "{made}");
    assert_eq!((&made["reason"], &made["drained"]), (&json!("new disks"), &json!(false)));
    assert!(
        made.get("drain").is_none() && made.get("open_attempts").is_none(),
        "nobody decides here: {made}"
    );
    let body = json!({ "reason": "new disks", "drain": { "deadline_ms": 60_000 } });
    let (_, drained) = cordon(&world, body).await;
    assert_eq!(drained["since"], made["since"], "since when it is so stays as it was");
    assert!(drained["drain"]["deadline"].is_string(), "{drained}");
    assert_eq!(listed(&world).await.unwrap()["cordon"], drained);
    let gone = world.request(Method::DELETE, CORDON).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    assert!(listed(&world).await.unwrap().get("cordon").is_none());
    let again = world.request(Method::DELETE, CORDON).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NO_CONTENT, "what is asked for is so already");
    world.end().await;
}

#[tokio::test]
async fn an_executor_is_drained_when_the_scheduler_says_that_nothing_is_open_on_it() {
    let world = world_with_an_executor().await;
    cordon(&world, json!({ "reason": "new disks", "drain": {} })).await;
    let (bus, stop) = (world.bus.clone(), world.shutdown.token());
    let scheduler = tokio::spawn(async move {
        let left = std::sync::atomic::AtomicU32::new(2);
        let figures = move |AskCordons {}| {
            let open = left.load(std::sync::atomic::Ordering::SeqCst);
            left.store(open.saturating_sub(1), std::sync::atomic::Ordering::SeqCst);
            let open_attempts = [("e1".parse().unwrap(), open)].into();
            async move { Ok(CordonFigures { open_attempts }) }
        };
        bus.serve(AskCordons::filter(), stop, figures).await
    });
    let drained = until("it is empty", async || {
        let cordon = listed(&world).await?["cordon"].clone();
        let open = cordon["open_attempts"].as_u64();
        assert_eq!(cordon["drained"] == true, open == Some(0), "{cordon}");
        (cordon["drained"] == true).then_some(cordon)
    });
    assert_eq!(drained.await["open_attempts"], 0);
    world.end().await;
    scheduler.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_cordon_needs_a_reason_and_an_executor() {
    let world = world_with_an_executor().await;
    let far = json!({ "reason": "x", "drain": { "deadline_ms": 2_592_000_001_u64 } });
    for body in [json!({ "reason": " " }), json!({ "reason": "x".repeat(501) }), far] {
        let (status, problem) = cordon(&world, body).await;
        assert_eq!(problem["code"], "request.invalid", "{status} {problem}");
    }
    let nobody = "/api/v1/executors/nobody/cordon";
    for request in [
        world.request(Method::PUT, nobody).json(&json!({ "reason": "x" })),
        world.request(Method::DELETE, nobody),
    ] {
        let (status, problem) = answer(request).await;
        assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("executor.not_found")));
    }
    assert!(listed(&world).await.unwrap().get("cordon").is_none());
    world.end().await;
}

#[tokio::test]
async fn a_pools_maintenance_is_begun_shown_and_ended_apart_from_that_of_the_installation() {
    let world = World::start().await;
    let set = async |method: Method, path: &str| {
        let (status, view) = answer(world.request(method, path).json(&json!({ "reason": "disks" }))).await;
        assert_eq!(status, StatusCode::OK, "{view}");
        view
    };
    let begun = set(Method::PUT, "/api/v1/maintenance/gpu").await;
    assert_eq!(begun["pools"]["gpu"]["reason"], "disks");
    assert!(begun.get("maintenance").is_none(), "everything else goes on: {begun}");
    let both = set(Method::PUT, "/api/v1/maintenance").await;
    assert_eq!((&both["maintenance"]["reason"], &both["pools"]), (&json!("disks"), &begun["pools"]));
    let one = set(Method::DELETE, "/api/v1/maintenance").await;
    assert_eq!(one, begun);
    let none = set(Method::DELETE, "/api/v1/maintenance/gpu").await;
    assert_eq!(none, json!({}));
    world.end().await;
}
