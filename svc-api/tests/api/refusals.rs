//! Bad input, and what is answered to it.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{World, answer};

const RUNS: &str = "/api/v1/projects/default/runs";

/// Status and code of an answer that must be a problem.
async fn refusal(request: reqwest::RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let status = response.status().as_u16();
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status);
    assert_eq!(problem["request_id"], id);
    (status, problem["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn every_refusal_is_a_problem_with_a_stable_code() {
    let world = World::start().await;
    let get = |path: &str| world.request(Method::GET, path);
    let post = |body: &'static str| world.request(Method::POST, RUNS).body(body);
    let cases = [
        (get("/api/v1/nothing"), 404, "route.not_found"),
        (get("/api"), 404, "route.not_found"),
        (world.request(Method::DELETE, RUNS), 405, "route.method_not_allowed"),
        (world.request(Method::POST, "/nothing"), 404, "route.not_found"),
        (get("/api/v1/projects/other/runs"), 404, "project.not_found"),
        (get("/api/v1/projects/No%20Name/runs/counts"), 404, "project.not_found"),
        (get(&format!("{RUNS}/garbage")), 404, "run.not_found"),
        (get(&format!("{RUNS}/run-01jd8v7m2kq3x5w9c0hn4tz6ap")), 404, "run.not_found"),
        (get(&format!("{RUNS}/run-01jd8v7m2kq3x5w9c0hn4tz6ap/tasks")), 404, "run.not_found"),
        (get(&format!("{RUNS}/run-01jd8v7m2kq3x5w9c0hn4tz6ap/tasks/Bad")), 404, "task.not_found"),
        (get(&format!("{RUNS}/run-01jd8v7m2kq3x5w9c0hn4tz6ap/history")), 404, "run.not_found"),
        (get(&format!("{RUNS}?state=done")), 400, "request.invalid"),
        (get(&format!("{RUNS}?stat=failed")), 400, "request.invalid"),
        (get(&format!("{RUNS}?cursor=garbage")), 400, "request.invalid"),
        (get(&format!("{RUNS}?limit=x")), 400, "request.invalid"),
        (get("/api/v1/projects/default/workflows/none"), 404, "workflow.not_found"),
        (get("/api/v1/events?project=other"), 404, "project.not_found"),
        (get("/api/v1/events?run=garbage"), 400, "request.invalid"),
        (post("{\"source\": "), 400, "request.malformed"),
        (post("{\"sauce\": \"x\"}"), 400, "request.malformed"),
        (post("\u{0}\u{1}"), 400, "request.malformed"),
        (post("{}").header("idempotency-key", "a b"), 400, "request.key_invalid"),
    ];
    for (index, (request, status, code)) in cases.into_iter().enumerate() {
        assert_eq!(refusal(request).await, (status, code.to_owned()), "case {index}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_body_above_256_kib_is_too_large_and_one_of_10_mb_too() {
    let world = World::start().await;
    for bytes in [256 * 1024, 10_000_000] {
        let body = json!({"source": "x".repeat(bytes)});
        let (status, problem) = answer(world.request(Method::POST, RUNS).json(&body)).await;
        assert_eq!(
            (status, problem["code"].as_str()),
            (StatusCode::PAYLOAD_TOO_LARGE, Some("request.too_large"))
        );
    }
    world.end().await;
}

#[tokio::test]
async fn nothing_below_api_is_told_to_strangers() {
    let world = World::start().await;
    for path in ["/api/v1/system", "/api/v1/events", RUNS, "/api/v1/projects/other/runs", "/api/v1/executors"]
    {
        let response = world.bare(Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert!(response.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
    }
    let (status, problem) = answer(world.bare(Method::GET, RUNS).bearer_auth("wrong-token-0123456")).await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::UNAUTHORIZED, Some("auth.required")));
    let (status, document) = answer(world.bare(Method::GET, "/api/openapi.json")).await;
    assert_eq!((status, document["openapi"].as_str()), (StatusCode::OK, Some("3.1.0")));
    world.end().await;
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let world = World::start().await;
    for (path, allowed) in [(RUNS, "GET,HEAD,POST"), ("/api/v1/system", "GET,HEAD")] {
        for method in [Method::DELETE, Method::PATCH, Method::OPTIONS] {
            let is_question = method == Method::OPTIONS;
            let response = world.request(method, path).send().await.unwrap();
            let expected = if is_question { StatusCode::NO_CONTENT } else { StatusCode::METHOD_NOT_ALLOWED };
            assert_eq!(response.status(), expected, "{path}");
            let mut methods: Vec<_> = response.headers()["allow"].to_str().unwrap().split(',').collect();
            methods.sort_unstable();
            assert_eq!(methods.join(","), allowed, "{path}");
        }
    }
    world.end().await;
}

#[tokio::test]
async fn a_body_that_is_no_json_or_says_so_is_refused() {
    let world = World::start().await;
    let post = |media: &'static str, body: &'static str| {
        world.request(Method::POST, RUNS).header("content-type", media).body(body)
    };
    assert_eq!(refusal(post("text/yaml", "version: 1")).await, (415, "request.media_type".to_owned()));
    assert_eq!(refusal(post("application/json", "version: 1")).await, (400, "request.malformed".to_owned()));
    let malformed = world.request(Method::POST, RUNS).json(&json!({"source": "x", "inptus": {}}));
    let (_, problem) = answer(malformed).await;
    assert_eq!(problem["errors"][0]["hint"], "did you mean `inputs`?");
    world.end().await;
}

#[tokio::test]
async fn an_address_that_makes_no_sense_is_nothing_or_refused() {
    let world = World::start().await;
    let raw = async |path: &str| {
        // As it stands: a client would tidy it up.
        let mut connection = tokio::net::TcpStream::connect(world.api.address).await.unwrap();
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
            crate::support::TOKEN
        );
        tokio::io::AsyncWriteExt::write_all(&mut connection, head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut connection, &mut answer).await.unwrap();
        let problem: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        (problem["status"].as_u64().unwrap(), problem["code"].as_str().unwrap().to_owned())
    };
    let run = "run-01jd8v7m2kq3x5w9c0hn4tz6ap";
    for (path, status, code) in [
        ("/api//v1/system", 404, "route.not_found"),
        ("/api/v1/system/", 404, "route.not_found"),
        ("/api/v1/../v1/system", 404, "route.not_found"),
        ("/api/v1/projects/default/runs/%ff", 400, "request.invalid"),
        ("/api/v1/projects/%ff/runs", 400, "request.invalid"),
        ("/api/v1/projects/default/runs/..", 404, "run.not_found"),
        (&format!("{RUNS}/{run}/artifacts/train/out/a/../b"), 400, "request.invalid"),
        (&format!("{RUNS}/{run}/artifacts/train/out/%2e%2e/b"), 400, "request.invalid"),
        (&format!("{RUNS}/{run}/artifacts/train/out//etc"), 400, "request.invalid"),
        (&format!("{RUNS}/{run}/artifacts/train/out/a"), 404, "run.not_found"),
    ] {
        assert_eq!(raw(path).await, (status, code.to_owned()), "{path}");
    }
    world.end().await;
}
