//! What a project may store: counted in the store, refused where it is written.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use emboflow_protocol::storage_token::{StorageClaims, StoredQuota};
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use support::{Gateway, now, token, token_of};
use svc_storage_gw::Limits;

const ATTEMPT: &str = "lab/runs/r/attempts/t/1";

/// A token for one attempt of a project that may store so many bytes.
fn bounded(bytes: u64) -> String {
    token_of(&StorageClaims {
        sub: "attempt".into(),
        exp: now() + 600,
        write: vec![ATTEMPT.into()],
        quota: Some(StoredQuota { project: "lab".parse().unwrap(), bytes }),
        ..StorageClaims::default()
    })
}

async fn put(gateway: &Gateway, token: &str, name: &str, bytes: usize) -> Response {
    let put = Client::new().put(gateway.url(&format!("/objects/{name}"))).bearer_auth(token);
    put.body(vec![7; bytes]).send().await.unwrap()
}

async fn is_refused(answer: Response) {
    let status = answer.status();
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(
        (status.as_u16(), problem["code"].as_str().unwrap()),
        (413, "quota.stored_bytes"),
        "{problem}"
    );
    assert_ne!(problem["retryable"], true, "waiting changes nothing");
}

#[tokio::test]
async fn what_is_there_and_what_comes_are_counted_and_above_the_quota_nothing_is_stored() {
    let gateway = Gateway::start().await;
    // Stored before anybody asked for a bound, also by another run; another project's counts for nothing.
    put(&gateway, &token("lab"), "lab/runs/old/attempts/t/1/artifacts/a/x", 400).await;
    put(&gateway, &token("other"), "other/runs/r/attempts/t/1/artifacts/a/x", 5_000).await;
    let output = |name: &str| format!("{ATTEMPT}/artifacts/a/{name}");
    let token = bounded(1_000);
    assert_eq!(put(&gateway, &token, &output("one"), 500).await.status(), StatusCode::CREATED);
    is_refused(put(&gateway, &token, &output("two"), 101).await).await;
    assert_eq!(put(&gateway, &token, &output("three"), 100).await.status(), StatusCode::CREATED);
    is_refused(put(&gateway, &token, &output("four"), 1).await).await;
    // How it went is told nevertheless.
    let log = format!("{ATTEMPT}/logs/000000000000.log");
    assert_eq!(put(&gateway, &token, &log, 300).await.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn content_of_unknown_size_gets_what_is_left_and_not_more() {
    let gateway = Gateway::start().await;
    let streamed = async |name: &str, pieces: usize| {
        let body = futures::stream::iter((0..pieces).map(|_| Ok::<_, std::io::Error>(vec![1_u8; 100])));
        let url = gateway.url(&format!("/objects/{ATTEMPT}/artifacts/a/{name}"));
        let put = Client::new().put(url).bearer_auth(bounded(1_000));
        put.body(reqwest::Body::wrap_stream(body)).send().await.unwrap().status()
    };
    assert_eq!(streamed("one", 9).await, StatusCode::CREATED);
    assert_eq!(streamed("two", 2).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(streamed("three", 1).await, StatusCode::CREATED);
}

#[tokio::test]
async fn many_at_once_get_no_more_than_one_after_the_other() {
    let gateway = Gateway::start().await;
    let token = bounded(1_000);
    let puts = (0..20).map(|index| {
        let (gateway, token) = (&gateway, &token);
        async move { put(gateway, token, &format!("{ATTEMPT}/artifacts/a/{index}"), 100).await.status() }
    });
    let statuses = futures::future::join_all(puts).await;
    let stored = statuses.iter().filter(|status| **status == StatusCode::CREATED).count();
    assert_eq!(stored, 10, "{statuses:?}");
}

#[tokio::test]
async fn room_that_is_freed_is_found_at_the_next_count_and_usage_says_what_is_counted() {
    let gateway = Gateway::with(Limits { stored_age_ms: 0, ..Limits::default() }).await;
    let (token, all) = (bounded(1_000), token("lab"));
    let name = format!("{ATTEMPT}/artifacts/a/one");
    assert_eq!(put(&gateway, &token, &name, 900).await.status(), StatusCode::CREATED);
    let another = format!("{ATTEMPT}/artifacts/a/two");
    is_refused(put(&gateway, &token, &another, 200).await).await;
    let usage = Client::new().get(gateway.url("/usage?prefix=lab/")).bearer_auth(&all).send().await.unwrap();
    let usage: Value = usage.json().await.unwrap();
    assert_eq!((&usage["size_bytes"], &usage["objects"]), (&900.into(), &1.into()), "{usage}");
    let gone = Client::new().delete(gateway.url(&format!("/objects/{name}"))).bearer_auth(&all).send().await;
    assert_eq!(gone.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(put(&gateway, &token, &another, 200).await.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn an_object_that_fails_gives_its_room_back() {
    let gateway = Gateway::start().await;
    let token = bounded(1_000);
    let url = gateway.url(&format!("/objects/{ATTEMPT}/artifacts/a/one"));
    let wrong = Client::new().put(&url).bearer_auth(&token).header("x-emboflow-sha256", "0".repeat(64));
    let wrong = wrong.body(vec![7; 900]).send().await.unwrap();
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        put(&gateway, &token, &format!("{ATTEMPT}/artifacts/a/one"), 900).await.status(),
        StatusCode::CREATED
    );
}
