//! Notifications over HTTP: kept, changed, paused and removed; sending them is another service's.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{World, answer};

const ALL: &str = "/api/v1/projects/default/notifications";

fn spec() -> Value {
    json!({ "to": { "webhook": { "url": "https://hooks.example.org/x", "secret": "hook" } } })
}

async fn put(world: &World, name: &str, body: &Value) -> (StatusCode, Value) {
    answer(world.request(Method::PUT, &format!("{ALL}/{name}")).json(body)).await
}

#[tokio::test]
async fn a_notification_is_made_changed_paused_and_removed() {
    let world = World::start().await;
    let (status, made) = put(&world, "on-call", &spec()).await;
    assert_eq!(status, StatusCode::OK, "{made}");
    assert_eq!(
        made["spec"]["states"],
        json!(["failed", "timed_out"]),
        "what is told unless somebody says else"
    );
    assert_eq!((&made["created_by"], &made["deliveries"]), (&json!("local"), &json!([])));

    let one = format!("{ALL}/on-call");
    let pause = |body: Value| world.request(Method::POST, &format!("{ALL}/on-call/pause")).json(&body);
    assert_eq!(answer(pause(json!({ "reason": " " }))).await.0, StatusCode::BAD_REQUEST);
    let (status, paused) = answer(pause(json!({ "reason": "holidays" }))).await;
    assert_eq!((status, &paused["paused"]["reason"]), (StatusCode::OK, &json!("holidays")));
    let changed = json!({ "to": { "nats": { "topic": "ends" } }, "states": ["succeeded"] });
    let (_, changed) = put(&world, "on-call", &changed).await;
    assert_eq!(changed["paused"]["reason"], "holidays", "a change of the spec ends no pause");
    assert_eq!(changed["spec"]["approvals"], Value::Null, "nobody is asked unless somebody wants it");
    let asks = json!({ "to": { "nats": { "topic": "people" } }, "states": [], "approvals": true });
    let (status, asks) = put(&world, "on-call", &asks).await;
    assert_eq!((status, &asks["spec"]["approvals"]), (StatusCode::OK, &json!(true)), "{asks}");
    let (_, rows) = world.get(ALL).await;
    assert_eq!((&rows["items"][0]["name"], &rows["next"]), (&json!("on-call"), &Value::Null));
    let (_, resumed) = answer(world.request(Method::POST, &format!("{one}/resume"))).await;
    assert_eq!(resumed["paused"], Value::Null);

    let (status, _) = answer(world.request(Method::DELETE, &one)).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, gone) = world.get(&one).await;
    assert_eq!((status, &gone["code"]), (StatusCode::NOT_FOUND, &json!("notification.not_found")));
    world.end().await;
}

#[tokio::test]
async fn a_notification_that_could_never_be_sent_is_refused_with_each_place() {
    let world = World::start().await;
    let odd = json!({ "to": { "email": { "addresses": ["nobody", "a@b.c"] } }, "states": ["running"] });
    let (status, problem) = put(&world, "odd", &odd).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("notification.invalid"))
    );
    let pointers: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|it| &it["pointer"]).collect();
    assert_eq!(pointers, ["/states", "/to/email/addresses"]);
    let (status, problem) = put(&world, "odd", &json!({ "to": { "pigeon": {} } })).await;
    assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("request.malformed")));
    assert_eq!(world.get(&format!("{ALL}/odd")).await.0, StatusCode::NOT_FOUND);
    world.end().await;
}

#[tokio::test]
async fn a_notification_is_changed_and_removed_only_from_the_version_that_was_seen() {
    let world = World::start().await;
    let one = format!("{ALL}/on-call");
    let only_new = world.request(Method::PUT, &one).header("if-none-match", "*").json(&spec());
    let response = only_new.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let seen = response.headers()["etag"].clone();
    let again = world.request(Method::PUT, &one).header("if-none-match", "*").json(&spec());
    assert_eq!(answer(again).await.0, StatusCode::PRECONDITION_FAILED);
    put(&world, "on-call", &spec()).await;
    for method in [Method::PUT, Method::DELETE] {
        let outdated = world.request(method, &one).header("if-match", &seen).json(&spec());
        let (status, problem) = answer(outdated).await;
        assert_eq!(status, StatusCode::PRECONDITION_FAILED, "{problem}");
        assert_eq!(problem["code"], "request.precondition_failed");
    }
    world.end().await;
}

#[tokio::test]
async fn one_that_cannot_be_read_does_not_hide_the_others() {
    let world = World::start().await;
    world.records.keep("notification", "default", "broken", None, "{".to_owned()).await.unwrap().unwrap();
    put(&world, "on-call", &spec()).await;
    let (status, rows) = world.get(ALL).await;
    assert_eq!((status, rows["items"].as_array().unwrap().len()), (StatusCode::OK, 1), "{rows}");
    world.end().await;
}
