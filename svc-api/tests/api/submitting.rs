//! Requests and their answers.

use emboflow_protocol::request::Verb;
use emboflow_protocol::{ErrorCode, FieldError};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Scheduler, Script, World, answer};

#[tokio::test]
async fn a_submitted_run_is_answered_with_itself_and_is_there_at_once() {
    let world = World::start().await;
    let scheduler = Scheduler::start(&world, Script::Accept).await;
    let body = r#"{ "source":  "version: 1" }"#;
    let response = world
        .request(Method::POST, "/api/v1/projects/default/runs")
        .header("idempotency-key", "k1")
        .header("traceparent", "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let run: serde_json::Value = response.json().await.unwrap();
    assert_eq!(run["state"], "queued");
    assert_eq!(run["tasks"], json!({"total": 3, "by_state": {"waiting": 3}}));
    assert_eq!(location, format!("/api/v1/projects/default/runs/{}", run["id"].as_str().unwrap()));
    let (status, shown) = world.get(&location).await;
    assert_eq!((status, &shown["id"]), (StatusCode::OK, &run["id"]));

    let got = scheduler.got();
    assert_eq!(got[0].body, body.as_bytes(), "the bytes that were signed by the key are the caller's own");
    assert_eq!((got[0].key.as_deref(), got[0].verb), (Some("k1"), Verb::Submit));
    assert!(got[0].traceparent.as_deref().unwrap().starts_with("00-0123456789abcdef"));
    world.end().await;
}

#[tokio::test]
async fn a_repeated_key_gives_the_same_run_and_another_body_under_it_is_refused() {
    let world = World::start().await;
    let scheduler = Scheduler::start(&world, Script::Accept).await;
    let body = json!({"source": "version: 1"});
    let (status, first) = world.submit("k1", &body).await;
    assert_eq!(status, StatusCode::CREATED);
    world.project().await;
    let (status, again) = world.submit("k1", &body).await;
    assert_eq!((status, &again["id"]), (StatusCode::OK, &first["id"]));
    let (status, problem) = world.submit("k1", &json!({"source": "version: 2"})).await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::CONFLICT, Some("request.key_reused")));
    assert_eq!(scheduler.got().len(), 1, "a known key is not published again");

    let (status, decided) = world.get("/api/v1/projects/default/requests/k1").await;
    assert_eq!((status, decided), (StatusCode::OK, json!({"status": "accepted", "run_id": first["id"]})));
    world.end().await;
}

#[tokio::test]
async fn a_batch_is_one_message_and_each_request_is_answered_in_its_place() {
    let world = World::start().await;
    let scheduler = Scheduler::start(&world, Script::Accept).await;
    let requests: Vec<_> =
        (0..3).map(|n| json!({"key": format!("k{n}"), "body": {"source": format!("{n}")}})).collect();
    let url = "/api/v1/projects/default/runs/batch";
    let response =
        world.request(Method::POST, url).json(&json!({"requests": requests})).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let answer: serde_json::Value = response.json().await.unwrap();
    for (n, item) in answer["items"].as_array().unwrap().iter().enumerate() {
        assert_eq!(
            (item["key"].as_str(), item["status"].as_str()),
            (Some(&*format!("k{n}")), Some("accepted"))
        );
        let run = item["run_id"].as_str().unwrap();
        assert_eq!(world.get(&format!("/api/v1/projects/default/runs/{run}")).await.0, StatusCode::OK);
    }
    let got = scheduler.got();
    assert_eq!(got.iter().map(|got| got.verb).collect::<Vec<_>>(), [Verb::Batch]);
    world.end().await;
}

#[tokio::test]
async fn a_batch_that_cannot_be_read_is_refused_before_anything_is_published() {
    let world = World::start().await;
    let scheduler = Scheduler::start(&world, Script::Accept).await;
    let ok = json!({"key": "k", "body": {"source": "x"}});
    let url = "/api/v1/projects/default/runs/batch";
    for (body, code) in [
        (json!({"requests": []}), "request.invalid"),
        (json!({"requests": vec![&ok; 501]}), "request.invalid"),
        (json!({"requests": [ok, {"key": "a b", "body": {}}]}), "request.key_invalid"),
        (json!({"requests": [{"body": {}}]}), "request.malformed"),
    ] {
        let response = world.request(Method::POST, url).json(&body).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert_eq!(response.json::<serde_json::Value>().await.unwrap()["code"], code);
    }
    assert!(scheduler.got().is_empty());
    world.end().await;
}

#[tokio::test]
async fn a_rejected_request_is_a_problem_with_every_error_also_when_it_comes_again() {
    let world = World::start().await;
    let error = FieldError {
        code: "workflow.unknown_field".to_owned(),
        message: "unknown field `imgae`".to_owned(),
        hint: Some("did you mean `image`?".to_owned()),
        line: Some(4),
        column: Some(5),
        pointer: Some("/tasks/train/imgae".to_owned()),
        snippet: None,
    };
    let _scheduler = Scheduler::start(&world, Script::Reject(vec![error])).await;
    let body = json!({"source": "version: 1"});
    for _ in 0..2 {
        let (status, problem) = world.submit("bad", &body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(problem["code"], "workflow.invalid");
        assert_eq!(problem["errors"][0]["code"], "workflow.unknown_field");
        assert_eq!(problem["errors"][0]["line"], 4);
        assert_eq!(problem["errors"][0]["pointer"], "/tasks/train/imgae");
        world.project().await;
    }
    world.end().await;
}

#[tokio::test]
async fn the_status_of_a_rejection_is_that_of_its_first_error() {
    let world = World::start().await;
    let error = FieldError::new(ErrorCode::WorkflowNotFound, "there is no workflow 'x'");
    let _scheduler = Scheduler::start(&world, Script::Reject(vec![error])).await;
    let (status, problem) = world.submit("k", &json!({"workflow": "x"})).await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::NOT_FOUND, Some("workflow.not_found")));
    world.end().await;
}

#[tokio::test]
async fn a_silent_scheduler_leaves_a_request_pending_with_an_address_for_its_decision() {
    let world = World::start().await;
    let response = world
        .request(Method::POST, "/api/v1/projects/default/runs")
        .header("idempotency-key", "a/b")
        .json(&json!({"source": "version: 1"}))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(location, "/api/v1/projects/default/requests/a%2Fb");
    assert_eq!(world.get(&location).await, (StatusCode::OK, json!({"status": "pending"})));
    world.end().await;
}

#[tokio::test]
async fn without_nats_a_request_is_refused_with_when_to_come_back() {
    let mut world = World::start().await;
    world.nats.kill();
    let request = world.request(Method::POST, "/api/v1/projects/default/runs").json(&json!({"source": "x"}));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers().contains_key("retry-after"));
    let problem: serde_json::Value = response.json().await.unwrap();
    assert_eq!(
        (problem["code"].as_str(), problem["retryable"].as_bool()),
        (Some("bus.unavailable"), Some(true))
    );
    let (status, _) = world.get("/api/v1/projects/default/runs").await;
    assert_eq!(status, StatusCode::OK, "what the records know is still to be had");
    world.end().await;
}

#[tokio::test]
async fn a_run_is_cancelled_paused_resumed_and_retried_by_requests() {
    let world = World::start().await;
    let scheduler = Scheduler::start(&world, Script::Accept).await;
    let (_, run) = world.submit("k", &json!({"source": "version: 1"})).await;
    let id = run["id"].as_str().unwrap();
    let path = |verb: &str| format!("/api/v1/projects/default/runs/{id}/{verb}");
    for verb in ["cancel", "pause", "resume"] {
        let (status, changed) = answer(world.request(Method::POST, &path(verb))).await;
        assert_eq!((status, changed["id"].as_str()), (StatusCode::OK, Some(id)), "{verb}");
    }
    let (status, _) =
        answer(world.request(Method::POST, &path("cancel")).json(&json!({"reason": "wrong data"}))).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) =
        answer(world.request(Method::POST, &path("retry")).json(&json!({"tasks": ["train[1]"]}))).await;
    assert_eq!(status, StatusCode::CREATED);
    let anew = json!({"tasks": ["train"], "no_cache": true});
    let (status, _) = answer(world.request(Method::POST, &path("retry")).json(&anew)).await;
    assert_eq!(status, StatusCode::CREATED);
    let bodies: Vec<_> = scheduler
        .got()
        .into_iter()
        .skip(1)
        .map(|got| (got.verb, String::from_utf8(got.body).unwrap()))
        .collect();
    assert_eq!(bodies[0], (Verb::Cancel, format!(r#"{{"run":"{id}"}}"#)));
    assert_eq!(bodies[3], (Verb::Cancel, format!(r#"{{"run":"{id}","reason":"wrong data"}}"#)));
    assert_eq!(bodies[4], (Verb::Retry, format!(r#"{{"run":"{id}","tasks":["train[1]"]}}"#)));
    assert_eq!(bodies[5], (Verb::Retry, format!(r#"{{"run":"{id}","tasks":["train"],"no_cache":true}}"#)));

    let unknown = "/api/v1/projects/default/runs/run-01jd8v7m2kq3x5w9c0hn4tz6ap/cancel";
    let (status, problem) = answer(world.request(Method::POST, unknown)).await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::NOT_FOUND, Some("run.not_found")));
    world.end().await;
}
