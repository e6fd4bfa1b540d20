//! What comes next, and what would be: asked of a scheduler that is a script.

use emboflow_model::{LogEntry, RunId, Timestamp};
use emboflow_protocol::forecast::{
    AskForecast, AskWhatIf, Expected, Missing, RunForecast, TaskForecast, WhatIf,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{History, Person, World, answer, until};

const WHAT_IF: &str = "/api/v1/projects/default/what-if";

/// A scheduler that foresees the same of everybody, and says how many executors it was asked about.
fn foresees(world: &World) {
    let (bus, stop) = (world.bus.clone(), world.shutdown.token());
    let start = Expected { p50: Some(Timestamp(1_500)), p90: None, missing: Some(Missing::Later) };
    world.shutdown.spawn("foreseeing", async move {
        let forecast = move |AskForecast { run }| async move {
            let tasks = vec![TaskForecast { task: "train".parse().unwrap(), start }];
            let (at, end, unknown) = (Timestamp(1_000), Some(start), vec!["train of digits".to_owned()]);
            Ok(RunForecast { run, at, walks: 40, horizon_ms: 9, tasks, end, unknown })
        };
        let what_if = move |question: AskWhatIf| async move {
            let added = question.add.iter().map(|one| u64::from(one.count)).sum();
            Ok(WhatIf {
                at: Timestamp(1_000),
                walks: 40,
                horizon_ms: 9,
                starts_at_once: added,
                at_once: Vec::new(),
                all_ended: start,
                all_ended_if: start,
                runs: Vec::new(),
                waiting_runs: 0,
                unknown: vec![question.project.to_string()],
            })
        };
        let (one, other) = tokio::join!(
            bus.serve(AskForecast::filter(), stop.clone(), forecast),
            bus.serve(AskWhatIf::filter(), stop.clone(), what_if)
        );
        one.and(other).unwrap();
    });
}

#[tokio::test]
async fn what_the_scheduler_foresees_of_a_run_is_told_and_of_one_that_is_over_there_is_nothing() {
    let world = World::start().await;
    let mut history = History::new();
    let accepted = history.accept("default", "k", b"{}", &[("train", None)]);
    let over = history.accept("default", "l", b"{}", &[("train", None)]);
    let change = |from, to| emboflow_model::Change::Run { from, to, reason: None };
    use emboflow_model::RunState::{Cancelled, Cancelling, Queued};
    let ended = history.next(&over, vec![change(Queued, Cancelling), change(Cancelling, Cancelled)]);
    let all = [accepted.clone(), over.clone(), ended];
    world.decide(all.into_iter().map(LogEntry::Transition).collect()).await;
    let path = |run: RunId| format!("/api/v1/projects/default/runs/{run}/forecast");
    let (status, problem) = world.get(&path(accepted.run)).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("scheduler.unavailable"))
    );

    foresees(&world);
    let told = until("a forecast", async || {
        let (status, told) = world.get(&path(accepted.run)).await;
        (status == StatusCode::OK).then_some(told)
    });
    let told = told.await;
    assert_eq!(told["tasks"][0]["task"], "train");
    assert_eq!(told["tasks"][0]["start"]["p50"], "1970-01-01T00:00:01.500Z");
    assert_eq!((&told["end"]["missing"], &told["unknown"][0]), (&json!("later"), &json!("train of digits")));
    let (status, nothing) = world.get(&path(over.run)).await;
    assert_eq!((status, &nothing["tasks"], &nothing["end"]), (StatusCode::OK, &json!([]), &Value::Null));
    let (status, problem) = world.get(&path(RunId::from_bits(1))).await;
    assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("run.not_found")));
    world.end().await;
}

#[tokio::test]
async fn a_question_what_would_be_is_checked_and_asked_for_its_project() {
    let world = World::start().await;
    foresees(&world);
    let ask = |body: Value| answer(world.request(Method::POST, WHAT_IF).json(&body));
    let sized = json!({ "cpu_millis": 8_000, "memory_bytes": 1 << 30, "count": 3 });
    let told = until("an answer", async || {
        let (status, told) = ask(json!({ "add": [sized] })).await;
        (status == StatusCode::OK).then_some(told)
    });
    let told = told.await;
    assert_eq!((&told["starts_at_once"], &told["unknown"][0]), (&json!(3), &json!("default")));

    let many = json!({ "cpu_millis": 1, "memory_bytes": 1, "count": 60 });
    for (body, status, code, pointer) in [
        (json!({ "add": [{ "gpu": 2 }] }), 422, "what_if.invalid", "/add/0/cpu_millis"),
        (
            json!({ "add": [sized, { "cpu_millis": 1, "memory_bytes": 1, "count": 0 }] }),
            422,
            "what_if.invalid",
            "/add/1/count",
        ),
        (json!({ "add": [many, many] }), 422, "what_if.invalid", ""),
        (json!({ "add": [{ "cpu_millis": 1, "memory_bytes": 1, "gpu": 65 }] }), 422, "what_if.invalid", ""),
    ] {
        let (found, problem) = ask(body.clone()).await;
        assert_eq!((found.as_u16(), &problem["code"]), (status, &json!(code)), "{body}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    }
    for (body, status, code) in [
        (json!({ "remove": ["nobody"] }), StatusCode::NOT_FOUND, "executor.not_found"),
        (json!({ "remove": ["no body"] }), StatusCode::BAD_REQUEST, "request.malformed"),
        (json!({ "add": [{ "cpus": 3 }] }), StatusCode::BAD_REQUEST, "request.malformed"),
        (json!({ "add": [{ "cpu_millis": -1 }] }), StatusCode::BAD_REQUEST, "request.malformed"),
        (json!({ "add": [{ "cpu_millis": 1e300 }] }), StatusCode::BAD_REQUEST, "request.malformed"),
    ] {
        let (found, problem) = ask(body.clone()).await;
        assert_eq!((found, &problem["code"]), (status, &json!(code)), "{body}: {problem}");
    }
    world.end().await;
}

#[tokio::test]
async fn only_operators_of_a_project_ask_what_would_be() {
    let world = World::start().await;
    foresees(&world);
    world.project().await;
    let path = "/api/v1/projects/lab/what-if";
    for (role, may) in [("viewer", false), ("developer", false), ("operator", true)] {
        let person = Person::of_lab(&world, &format!("anna-{role}"), role).await;
        let body = json!({ "remove": ["nobody"] });
        let (status, _) = answer(person.request(&world, Method::POST, path).json(&body)).await;
        let wanted = if may { StatusCode::NOT_FOUND } else { StatusCode::FORBIDDEN };
        assert_eq!(status, wanted, "{role}");
    }
    world.end().await;
}
