//! What starts runs by itself: kept, paused, fired, and webhooks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{World, answer, until};

const PROJECT: &str = "/api/v1/projects/default";
const SECRET: &str = "a secret of the tests";

/// With a key for secrets, a trigger service, and the workflow `report`.
async fn world() -> World {
    let world = World::with(|config| {
        let keys = json!({ "key": "key-of-the-tests-0123456789abcdefghijklmnopqrstuvwxyz" });
        config.secrets = serde_json::from_value(keys).unwrap();
    })
    .await;
    let settings = serde_json::from_value(json!({ "nats": { "url": world.nats.url() } })).unwrap();
    let health = emboflow_service::Health::new("trigger");
    svc_trigger::start_on(settings, world.records.clone(), &world.shutdown, &health).await.unwrap();
    assert_eq!(apply_workflow(&world, "report", "").await.0, StatusCode::OK);
    world
}

async fn apply_workflow(world: &World, name: &str, on: &str) -> (StatusCode, Value) {
    let source = format!(
        "version: 1\nname: {name}\ninputs:\n  day: {{ type: string, default: none }}\n{on}\ntasks: {{ a: {{ image: busybox }} }}\n"
    );
    let path = format!("{PROJECT}/workflows/{name}");
    answer(world.request(Method::PUT, &path).json(&json!({ "source": source }))).await
}

fn put(world: &World, name: &str, on: &str) -> RequestBuilder {
    let source = format!("version: 1\nname: {name}\nworkflow: report\non: {on}\n");
    world.request(Method::PUT, &format!("{PROJECT}/triggers/{name}")).json(&json!({ "source": source }))
}

async fn post(world: &World, path: &str, body: Value) -> (StatusCode, Value) {
    answer(world.request(Method::POST, &format!("{PROJECT}/triggers/{path}")).json(&body)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_is_made_changed_paused_and_removed() {
    let world = world().await;
    let daily = "{ schedule: { cron: '30 2 * * *', timezone: Europe/Berlin } }";
    let (status, made) = answer(put(&world, "daily", daily).header("if-none-match", "*")).await;
    assert_eq!((status, made["kind"].as_str()), (StatusCode::OK, Some("schedule")), "{made}");
    assert!(made["summary"].as_str().unwrap().contains("02:30"), "{made}");
    let again = answer(put(&world, "daily", daily).header("if-none-match", "*")).await;
    assert_eq!(again.0, StatusCode::PRECONDITION_FAILED);

    let path = format!("{PROJECT}/triggers/daily");
    let seen = world.request(Method::GET, &path).send().await.unwrap();
    let tag = seen.headers()["etag"].to_str().unwrap().to_owned();
    let hourly = "{ schedule: { cron: '@hourly' } }";
    assert_eq!(answer(put(&world, "daily", hourly).header("if-match", &tag)).await.0, StatusCode::OK);
    let stale = answer(put(&world, "daily", daily).header("if-match", &tag)).await;
    assert_eq!(
        (stale.0, stale.1["code"].as_str()),
        (StatusCode::PRECONDITION_FAILED, Some("request.precondition_failed"))
    );

    let (_, times) = world.get(&format!("{path}/times")).await;
    assert_eq!(times["times"].as_array().unwrap().len(), 5, "{times}");
    let (_, list) = world.get(&format!("{PROJECT}/triggers")).await;
    assert_eq!(list["items"][0]["next"]["at"], times["times"][0]["at"]);
    let (status, paused) = post(&world, "daily/pause", json!({ "reason": "moving house" })).await;
    assert_eq!((status, paused["paused"]["reason"].as_str()), (StatusCode::OK, Some("moving house")));
    let (_, list) = world.get(&format!("{PROJECT}/triggers")).await;
    assert_eq!(list["items"][0]["next"], Value::Null);
    let (_, resumed) = post(&world, "daily/resume", json!({})).await;
    assert_eq!(resumed["paused"], Value::Null);

    assert_eq!(world.request(Method::DELETE, &path).send().await.unwrap().status(), StatusCode::NO_CONTENT);
    let (status, gone) = world.get(&path).await;
    assert_eq!((status, gone["code"].as_str()), (StatusCode::NOT_FOUND, Some("trigger.not_found")));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_trigger_is_said_and_nothing_is_kept() {
    let world = world().await;
    let refused = async |name: &str, on: &str| {
        let (status, problem) = answer(put(&world, name, on)).await;
        (status.as_u16(), problem["errors"][0]["code"].as_str().unwrap_or_default().to_owned())
    };
    let schedule = |field: &str| format!("{{ schedule: {{ cron: '0 6 * * *', {field} }} }}");
    let expected = |code: &str| (422, code.to_owned());
    assert_eq!(refused("a", "{ schedule: { cron: never } }").await, expected("workflow.bad_value"));
    assert_eq!(refused("a", &schedule("timezone: Mars/Base")).await, expected("workflow.bad_value"));
    assert_eq!(refused("a", &schedule("inputs: { dya: x }")).await, expected("workflow.unknown_input"));
    assert_eq!(refused("a", &schedule("inputs: { day: 5 }")).await, expected("workflow.bad_input"));
    assert_eq!(refused("a", &schedule("oevrlap: skip")).await, expected("workflow.unknown_field"));
    let (status, other_name) =
        answer(put(&world, "a", "{ webhook: { secret: s } }").json(&json!({ "source": "x: 1" }))).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{other_name}");
    let source = "version: 1\nname: a\nworkflow: nothing-there\non: { webhook: { secret: s } }\n";
    let path = format!("{PROJECT}/triggers/a");
    let (status, problem) =
        answer(world.request(Method::PUT, &path).json(&json!({ "source": source }))).await;
    assert_eq!((status.as_u16(), problem["code"].as_str()), (404, Some("workflow.not_found")));
    assert_eq!(world.get(&format!("{PROJECT}/triggers")).await.1["items"], json!([]));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_triggers_of_a_workflows_file_come_and_go_with_it() {
    let world = world().await;
    let names = async || {
        let (_, list) = world.get(&format!("{PROJECT}/triggers")).await;
        let items = list["items"].as_array().unwrap().clone();
        items.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let on = "on:\n  schedule: { cron: '@daily' }\n  nats: { name: orders, subject: orders.new }";
    assert_eq!(apply_workflow(&world, "shop", on).await.0, StatusCode::OK);
    assert_eq!(names().await, ["orders", "shop-schedule"]);
    post(&world, "shop-schedule/pause", json!({})).await;
    let on = "on:\n  schedule: { cron: '@hourly' }";
    apply_workflow(&world, "shop", on).await;
    assert_eq!(names().await, ["shop-schedule"]);
    let (_, kept) = world.get(&format!("{PROJECT}/triggers/shop-schedule")).await;
    assert!(kept["paused"].is_object(), "a pause goes on: {kept}");

    let source = "version: 1\nname: shop-schedule\nworkflow: report\non: { webhook: { secret: s } }\n";
    let path = format!("{PROJECT}/triggers/shop-schedule");
    let (status, problem) =
        answer(world.request(Method::PUT, &path).json(&json!({ "source": source }))).await;
    assert_eq!((status.as_u16(), problem["code"].as_str()), (409, Some("trigger.conflict")));
    let (status, _) = answer(world.request(Method::DELETE, &path)).await;
    assert_eq!(status, StatusCode::CONFLICT);
    // A name that somebody else has is refused before anything changes.
    let (status, problem) =
        apply_workflow(&world, "other", "on:\n  schedule: { cron: '@daily', name: shop-schedule }").await;
    assert_eq!((status.as_u16(), problem["code"].as_str()), (409, Some("trigger.conflict")));
    assert_eq!(world.get(&format!("{PROJECT}/workflows/other")).await.0, StatusCode::NOT_FOUND);
    apply_workflow(&world, "shop", "").await;
    assert!(names().await.is_empty());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workflow_is_removed_with_its_own_triggers_unless_others_start_it() {
    let world = world().await;
    let remove = async |name: &str| {
        let (status, problem) =
            answer(world.request(Method::DELETE, &format!("{PROJECT}/workflows/{name}"))).await;
        (status.as_u16(), problem)
    };
    answer(put(&world, "daily", "{ schedule: { cron: '@daily' } }")).await;
    let (status, problem) = remove("report").await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("workflow.in_use")));
    assert!(problem["detail"].as_str().unwrap().contains("'daily'"), "{problem}");
    assert_eq!(world.get(&format!("{PROJECT}/workflows/report")).await.0, StatusCode::OK);
    answer(world.request(Method::DELETE, &format!("{PROJECT}/triggers/daily"))).await;
    assert_eq!(remove("report").await.0, 204);

    let on = "on:\n  schedule: { cron: '@daily' }";
    assert_eq!(apply_workflow(&world, "shop", on).await.0, StatusCode::OK);
    let path = format!("{PROJECT}/workflows/shop");
    let stale = answer(world.request(Method::DELETE, &path).header("if-match", "\"other\"")).await;
    assert_eq!(stale.0, StatusCode::PRECONDITION_FAILED);
    assert_eq!(remove("shop").await.0, 204);
    assert_eq!(world.get(&format!("{PROJECT}/triggers/shop-schedule")).await.0, StatusCode::NOT_FOUND);
    for path in ["workflows/shop", "workflows/report"] {
        let (status, problem) = world.get(&format!("{PROJECT}/{path}")).await;
        assert_eq!((status.as_u16(), problem["code"].as_str()), (404, Some("workflow.not_found")));
    }
    let (status, problem) = remove("shop").await;
    assert_eq!((status, problem["code"].as_str()), (404, Some("workflow.not_found")));
    let (_, anew) = apply_workflow(&world, "shop", "").await;
    assert_eq!(anew["version"], 1, "{anew}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_is_fired_and_backfilled_and_the_history_says_so() {
    let world = world().await;
    answer(put(&world, "daily", "{ schedule: { cron: '0 6 * * *' } }")).await;
    let (status, fired) = until("the trigger service answers", async || {
        let fired = post(&world, "daily/fire", json!({})).await;
        (fired.0 != StatusCode::SERVICE_UNAVAILABLE).then_some(fired)
    })
    .await;
    assert_eq!(status, StatusCode::ACCEPTED, "{fired}");
    let (_, request) = world.get(fired["requests"][0].as_str().unwrap()).await;
    assert_eq!(request["status"], "pending", "no scheduler decides here: {request}");
    let range = json!({ "from": "2026-01-01T00:00:00Z", "to": "2026-01-03T12:00:00Z" });
    let (status, filled) = post(&world, "daily/backfill", range.clone()).await;
    assert_eq!((status, filled["keys"].as_array().unwrap().len()), (StatusCode::ACCEPTED, 3), "{filled}");
    let (status, _) =
        post(&world, "daily/backfill", json!({ "from": range["to"], "to": range["from"] })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    until("the history has them", async || {
        let (_, history) = world.get(&format!("{PROJECT}/triggers/daily/history")).await;
        (history["items"].as_array().unwrap().len() >= 4).then_some(())
    })
    .await;
    let (status, problem) = post(&world, "none/fire", json!({})).await;
    assert_eq!((status.as_u16(), problem["code"].as_str()), (404, Some("trigger.not_found")));
    answer(put(&world, "hook", "{ webhook: { secret: shop } }")).await;
    let (status, problem) = world.get(&format!("{PROJECT}/triggers/hook/times")).await;
    assert_eq!((status.as_u16(), problem["code"].as_str()), (409, Some("trigger.kind")));
    world.end().await;
}

fn signed(world: &World, trigger: &str, id: &str, seconds: u64, secret: &str, body: &str) -> RequestBuilder {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    world
        .bare(Method::POST, &format!("/hooks/default/{trigger}"))
        .header("webhook-id", id)
        .header("webhook-timestamp", seconds)
        .header("webhook-signature", signature)
        .body(body.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_takes_what_is_signed_now_and_new_and_tells_nobody_else_anything() {
    let world = world().await;
    let secret =
        world.request(Method::PUT, &format!("{PROJECT}/secrets/shop")).json(&json!({ "value": SECRET }));
    assert_eq!(answer(secret).await.0, StatusCode::OK);
    let hook = "{ webhook: { secret: shop, inputs: { day: '${{ event.data.day }}' } } }";
    assert_eq!(answer(put(&world, "shop", hook)).await.0, StatusCode::OK);
    answer(put(&world, "daily", "{ schedule: { cron: '@daily' } }")).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let body = r#"{"day": "monday"}"#;
    let good = |id: &str| signed(&world, "shop", id, now, SECRET, body);

    let (status, taken) = until("the trigger service answers", async || {
        let taken = answer(good("first")).await;
        (taken.0 != StatusCode::SERVICE_UNAVAILABLE).then_some(taken)
    })
    .await;
    assert_eq!(status, StatusCode::ACCEPTED, "{taken}");
    assert!(taken["requests"][0].as_str().unwrap().starts_with("/api/v1/projects/default/requests/"));
    let (status, replayed) = answer(good("first")).await;
    assert_eq!((status.as_u16(), replayed["code"].as_str()), (409, Some("hook.replayed")));

    let refusals = [
        signed(&world, "shop", "b", now, "another secret", body),
        signed(&world, "nothing-there", "b", now, SECRET, body),
        signed(&world, "daily", "b", now, SECRET, body),
        good("b").body("{}"),
        good("b").header("webhook-signature", "v2,x"),
    ];
    let mut words = std::collections::BTreeSet::new();
    for (number, refusal) in refusals.into_iter().enumerate() {
        let (status, problem) = answer(refusal).await;
        if number < 4 {
            assert_eq!(
                (status.as_u16(), problem["code"].as_str()),
                (401, Some("hook.signature")),
                "{number}"
            );
            words.insert(problem["detail"].to_string());
        }
    }
    assert_eq!(words.len(), 1, "who cannot sign learns nothing: {words:?}");
    for off in [now - 3_600, now + 3_600] {
        let (status, problem) = answer(signed(&world, "shop", "old", off, SECRET, body)).await;
        assert_eq!((status.as_u16(), problem["code"].as_str()), (401, Some("hook.signature")));
    }
    let (status, problem) = answer(signed(&world, "shop", "c", now, SECRET, "{}")).await;
    assert_eq!((status.as_u16(), problem["code"].as_str()), (422, Some("trigger.mapping")));
    let (status, _) = answer(world.bare(Method::POST, "/hooks/default/shop").body("x")).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let large = "x".repeat(300 * 1024);
    let (status, problem) = answer(signed(&world, "shop", "d", now, SECRET, &large)).await;
    assert_eq!((status.as_u16(), problem["code"].as_str()), (413, Some("request.too_large")));

    // A CloudEvent in both modes.
    let event =
        json!({ "specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": { "day": "x" } });
    let structured = signed(&world, "shop", "e", now, SECRET, &event.to_string());
    let (status, _) = answer(structured.header("content-type", "application/cloudevents+json")).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let binary = signed(&world, "shop", "f", now, SECRET, body).header("ce-specversion", "1.0");
    let binary = binary.header("ce-id", "2").header("ce-source", "/s").header("ce-type", "t");
    assert_eq!(answer(binary).await.0, StatusCode::ACCEPTED);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_project_that_has_as_many_triggers_as_it_may_makes_no_more() {
    let world = world().await;
    let hook = "{ webhook: { secret: hook } }";
    assert_eq!(answer(put(&world, "first", hook)).await.0, StatusCode::OK);
    let kept = world.records.kept("trigger", "default", "first").await.unwrap().unwrap();
    for number in 1..500 {
        let name = format!("t{number}");
        let body = kept.body.replace("\"first\"", &format!("\"{name}\""));
        assert!(world.records.keep("trigger", "default", &name, None, body).await.unwrap().is_some());
    }
    let (status, problem) = answer(put(&world, "one-more", hook)).await;
    assert_eq!(
        (status, problem["code"].as_str()),
        (StatusCode::CONFLICT, Some("trigger.conflict")),
        "{problem}"
    );
    let (status, problem) = apply_workflow(&world, "report", "on: { schedule: { cron: '@daily' } }").await;
    assert_eq!(
        (status, problem["code"].as_str()),
        (StatusCode::CONFLICT, Some("trigger.conflict")),
        "{problem}"
    );
    assert_eq!(answer(put(&world, "first", hook)).await.0, StatusCode::OK, "those that it has go on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_is_previewed_with_its_count_and_its_first_times() {
    let world = world().await;
    let daily = "{ schedule: { cron: '30 2 * * *', timezone: UTC } }";
    assert_eq!(answer(put(&world, "daily", daily).header("if-none-match", "*")).await.0, StatusCode::OK);
    let path = format!("{PROJECT}/triggers/daily/times");
    let (status, march) =
        world.get(&format!("{path}?from=2024-03-01T00:00:00Z&to=2024-03-31T23:59:59Z&limit=2")).await;
    assert_eq!((status, march["in_range"].as_u64()), (StatusCode::OK, Some(31)), "{march}");
    let times: Vec<_> = march["times"].as_array().unwrap().iter().map(|time| &time["at"]).collect();
    assert_eq!(times, ["2024-03-01T02:30:00.000Z", "2024-03-02T02:30:00.000Z"], "{march}");
    assert_eq!(march["more_after"], Value::Null);

    let (_, years) = world.get(&format!("{path}?from=2020-01-01T00:00:00Z&to=2024-01-01T00:00:00Z")).await;
    assert_eq!(years["in_range"], 1_000, "{years}");
    assert_eq!(years["more_after"], "2022-09-26T02:30:00.000Z", "the thousandth day of 2020 and on");
    let (_, none) = world.get(&format!("{path}?from=2024-03-01T03:00:00Z&to=2024-03-01T04:00:00Z")).await;
    assert_eq!((&none["in_range"], &none["times"]), (&json!(0), &json!([])));
    for wrong in ["from=2024-03-01T00:00:00Z", "from=2024-03-02T00:00:00Z&to=2024-03-01T00:00:00Z", "to=x"] {
        let (status, problem) = world.get(&format!("{path}?{wrong}")).await;
        assert_eq!((status, problem["code"].as_str()), (StatusCode::BAD_REQUEST, Some("request.invalid")));
    }
    world.end().await;
}
