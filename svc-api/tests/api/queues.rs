//! Queues: everybody sees them, administrators of the platform set them.

use emboflow_model::queue::Amount;
use emboflow_protocol::call::{AskQueues, QueueFigure, QueueFigures};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{World, answer, until};

async fn set(world: &World, name: &str, rules: Value) -> (StatusCode, Value) {
    answer(world.request(Method::PUT, &format!("/api/v1/queues/{name}")).json(&rules)).await
}

#[tokio::test]
async fn a_queue_is_set_shown_listed_and_removed_and_default_is_always_there() {
    let world = World::start().await;
    let (status, made) =
        set(&world, "night", json!({ "weight": 3, "guarantee": { "cpu_millis": 4000 } })).await;
    assert_eq!(status, StatusCode::OK, "{made}");
    assert_eq!(
        made,
        json!({ "name": "night", "weight": 3, "guarantee": { "cpu_millis": 4000 }, "borrowing": true, "priority": 0 })
    );
    let (_, listed) = world.get("/api/v1/queues").await;
    let names: Vec<_> = listed["items"].as_array().unwrap().iter().map(|queue| &queue["name"]).collect();
    assert_eq!(names, ["default", "night"]);
    let (_, page) = world.get("/api/v1/queues?limit=1").await;
    let next = page["next"].as_str().unwrap();
    let (_, rest) = world.get(&format!("/api/v1/queues?limit=1&cursor={next}")).await;
    assert_eq!((&rest["items"][0], &rest["next"]), (&made, &Value::Null));

    set(&world, "default", json!({ "priority": -5 })).await;
    for name in ["night", "default"] {
        let gone = world.request(Method::DELETE, &format!("/api/v1/queues/{name}")).send().await.unwrap();
        assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    }
    let (status, problem) = world.get("/api/v1/queues/night").await;
    assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("queue.not_found")));
    let (_, default) = world.get("/api/v1/queues/default").await;
    assert_eq!(default["priority"], 0, "it has its usual rules again");
    world.end().await;
}

#[tokio::test]
async fn rules_that_contradict_themselves_or_that_nobody_knows_are_refused_field_by_field() {
    let world = World::start().await;
    let (status, problem) =
        set(&world, "odd", json!({ "weight": 0, "borrowing": false, "priority": 2000 })).await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("queue.invalid")));
    let fields = problem["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap());
    assert_eq!(fields.collect::<Vec<_>>(), ["/weight", "/priority", "/borrowing"]);
    let (status, _) = set(&world, "odd", json!({ "maximum": { "cpus": 4 } })).await;
    assert!(status.is_client_error(), "{status}");
    let (status, _) = world.get("/api/v1/queues/odd").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    world.end().await;
}

#[tokio::test]
async fn what_a_queue_holds_is_what_the_scheduler_says() {
    let world = World::start().await;
    let (bus, stop) = (world.bus.clone(), world.shutdown.token());
    let scheduler = tokio::spawn(async move {
        let figures = |AskQueues {}| async {
            let held = Amount { cpu_millis: 500, slots: 1, ..Amount::default() };
            let name = "default".parse().unwrap();
            let queues = vec![QueueFigure { name, held, share: 0.25, waiting: 7, oldest: None }];
            Ok(QueueFigures { total: Amount::default(), queues })
        };
        bus.serve(AskQueues::filter(), stop, figures).await
    });
    let now = until("the scheduler tells", async || {
        let (_, default) = world.get("/api/v1/queues/default").await;
        default.get("now").cloned()
    });
    let now = now.await;
    assert_eq!((&now["waiting"], &now["share"]), (&json!(7), &json!(0.25)));
    assert_eq!(now["held"]["cpu_millis"], 500);
    world.end().await;
    scheduler.await.unwrap().unwrap();
}
