//! What became of a request, and how many may wait at once.

use emboflow_bus::{Bus, ConsumerSpec};
use emboflow_model::LogEntry;
use emboflow_protocol::FieldError;
use emboflow_protocol::stream::INTAKE;
use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::json;

use crate::support::{History, World, answer, soon};

const REQUESTS: &str = "/api/v1/projects/default/requests";

/// Takes the only message of the intake, as the scheduler does once the decision is in the records.
async fn settle(bus: &Bus) {
    let mut consumer = bus.consume(ConsumerSpec::new(INTAKE, "scheduler")).await.unwrap();
    let batch = soon("the request", consumer.next_batch(1)).await;
    emboflow_bus::ack_all(batch).await.unwrap();
}

#[tokio::test]
async fn a_request_is_pending_while_it_waits_and_decided_or_unknown_afterwards() {
    let world = World::start().await;
    let missing = (StatusCode::NOT_FOUND, json!("request.not_found"));
    let ask = async |key: &str| {
        let (status, body) = world.get(&format!("{REQUESTS}/{key}")).await;
        (status, body.get("code").or(body.get("status")).unwrap().clone())
    };
    assert_eq!(ask("never").await, missing, "there is not even a stream yet");

    let (status, _) = world.submit("k1", &json!({"source": "x"})).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(ask("k1").await, (StatusCode::OK, json!("pending")));
    assert_eq!(ask("never").await, (StatusCode::OK, json!("pending")), "it may be the one that waits");

    let mut history = History::new();
    let rejected = history.reject("k1", b"{}", &[FieldError::default()]);
    let accepted = history.accept("default", "k2", b"{}", &[("train", None)]);
    world.decide(vec![rejected, LogEntry::Transition(accepted.clone())]).await;
    assert_eq!(ask("k1").await, (StatusCode::OK, json!("rejected")), "decided, and still in the intake");
    settle(&world.bus).await;
    assert_eq!(ask("k1").await, (StatusCode::OK, json!("rejected")), "before its document is written");
    assert_eq!(ask("never").await, missing);
    world.project().await;
    let (_, shown) = world.get(&format!("{REQUESTS}/k2")).await;
    assert_eq!(shown, json!({"status": "accepted", "run_id": accepted.run}));
    assert_eq!(ask("never").await, missing);
    world.end().await;
}

#[tokio::test]
async fn nobody_is_told_that_a_request_is_unknown_while_nats_cannot_be_asked() {
    let mut world = World::start().await;
    world.nats.kill();
    soon("the loss of NATS", async {
        let pending = (StatusCode::OK, json!({"status": "pending"}));
        while world.get(&format!("{REQUESTS}/k")).await != pending {}
    })
    .await;
    world.end().await;
}

#[tokio::test]
async fn a_change_of_a_run_that_is_not_decided_yet_points_to_the_run() {
    let world = World::start().await;
    let accepted = History::new().accept("default", "k", b"{}", &[("train", None)]);
    let run = format!("/api/v1/projects/default/runs/{}", accepted.run);
    world.decide(vec![LogEntry::Transition(accepted)]).await;
    let response = world.request(reqwest::Method::POST, &format!("{run}/cancel")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    assert_eq!(response.headers()["location"].to_str().unwrap(), run);
    world.end().await;
}

#[tokio::test]
async fn more_requests_than_may_wait_are_told_when_to_come_again() {
    let world = World::with_room_for(16 * 1024).await;
    let post = |key: &str| {
        let request = world.request(reqwest::Method::POST, "/api/v1/projects/default/runs");
        request.header("idempotency-key", key).json(&json!({"source": "x"}))
    };
    let answers = join_all(["a", "b", "c"].map(|key| post(key).send())).await;
    let mut answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    answers.sort_by_key(|answer| answer.status());
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status().as_u16()).collect();
    assert_eq!(statuses, [202, 202, 429], "the scheduler is silent, so two wait");
    let refused = answers.pop().unwrap();
    assert!(refused.headers()["retry-after"].to_str().unwrap().parse::<u32>().unwrap() >= 1);
    let problem: serde_json::Value = refused.json().await.unwrap();
    assert_eq!(
        (problem["code"].as_str(), problem["retryable"].as_bool()),
        (Some("request.rate_limited"), Some(true))
    );
    let (status, _) = answer(post("d")).await;
    assert_eq!(status, StatusCode::ACCEPTED, "there is room again");
    world.end().await;
}
