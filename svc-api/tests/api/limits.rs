//! Who asks for too much, or for somebody else.

use reqwest::{Method, StatusCode};
use serde_json::json;
use svc_api::Limits;

use crate::support::{EventStream, Person, World, answer, until};

const RUNS: &str = "/api/v1/projects/default/runs";

#[tokio::test]
async fn a_client_that_asks_too_often_is_told_when_to_come_again() {
    let world = World::with(|config| {
        config.limits = Limits { reads_per_second: 1, ..Limits::default() };
    })
    .await;
    for _ in 0..200 {
        let response = world.request(Method::GET, RUNS).send().await.unwrap();
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            let wait: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
            assert!((1..=2).contains(&wait), "{wait}");
            let problem: serde_json::Value = response.json().await.unwrap();
            assert_eq!(
                (&problem["code"], &problem["retryable"]),
                (&json!("request.rate_limited"), &json!(true))
            );
            return world.end().await;
        }
        assert_eq!(response.status(), StatusCode::OK);
    }
    panic!("200 requests in a row are let through");
}

#[tokio::test]
async fn an_address_that_guesses_tokens_is_not_listened_to_for_a_while() {
    let world = World::with(|config| {
        config.limits = Limits { refused_per_minute: 5, ..Limits::alone() };
    })
    .await;
    for guess in 0..500 {
        let response =
            world.bare(Method::GET, RUNS).bearer_auth(format!("guess-{guess}")).send().await.unwrap();
        match response.status() {
            StatusCode::UNAUTHORIZED => {}
            StatusCode::TOO_MANY_REQUESTS => {
                assert!(response.headers().contains_key("retry-after"));
                assert!(guess >= 5, "after {guess} guesses");
                return world.end().await;
            }
            other => panic!("{other}"),
        }
    }
    panic!("500 guesses are answered");
}

#[tokio::test]
async fn an_address_that_is_not_listened_to_still_serves_whoever_shows_what_is_good() {
    let world = World::with(|config| {
        config.limits = Limits { refused_per_minute: 2, ..Limits::alone() };
    })
    .await;
    let stale = async || {
        let request = world.bare(Method::GET, RUNS).bearer_auth("a-token-that-has-ended");
        request.send().await.unwrap().status()
    };
    until("the block", async || (stale().await == StatusCode::TOO_MANY_REQUESTS).then_some(())).await;
    assert_eq!(answer(world.request(Method::GET, RUNS)).await.0, StatusCode::OK, "a colleague's token");
    let anna = Person::of_lab(&world, "anna", "viewer").await;
    assert_eq!(anna.get(&world, "/api/v1/me").await.0, StatusCode::OK, "she has signed in from there");
    let hook = world.bare(Method::POST, "/hooks/lab/nothing").body("{}");
    assert_eq!(answer(hook).await.0, StatusCode::UNAUTHORIZED, "a webhook is judged by its signature");
    world.end().await;
}

#[tokio::test]
async fn one_client_has_only_so_many_event_streams_open() {
    let world = World::with(|config| config.limits = Limits { streams: 2, ..Limits::alone() }).await;
    let anna = Person::of_lab(&world, "anna", "viewer").await;
    let (_, key) = anna.key(&world, None).await;
    let events = || anna.request(&world, Method::GET, "/api/v1/events");
    let (first, _) = EventStream::of(events()).await;
    let _second = EventStream::of(world.bare(Method::GET, "/api/v1/events").bearer_auth(&key)).await;
    let refused = events().send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key("retry-after"));
    let problem: serde_json::Value = refused.json().await.unwrap();
    assert_eq!(problem["code"], "request.rate_limited");
    let bert = Person::of_lab(&world, "bert", "viewer").await;
    EventStream::of(bert.request(&world, Method::GET, "/api/v1/events")).await;
    drop(first);
    until("a place again", async || {
        (events().send().await.unwrap().status() == StatusCode::OK).then_some(())
    })
    .await;
    world.end().await;
}

#[tokio::test]
async fn only_a_trusted_proxy_says_whom_it_speaks_for() {
    let limits = || Limits { sign_ins_per_minute: 2, ..Limits::alone() };
    let tries = async |world: &World| {
        let mut seen = Vec::new();
        for client in 1..=6 {
            let request = world.bare(Method::POST, "/session").json(&json!({ "token": "wrong" }));
            let response =
                request.header("x-forwarded-for", format!("198.51.100.{client}")).send().await.unwrap();
            seen.push(response.status().as_u16());
        }
        seen
    };
    let direct = World::with(|config| config.limits = limits()).await;
    assert!(tries(&direct).await.contains(&429), "a stranger makes addresses up and stays one address");
    let behind = World::with(|config| {
        config.limits = limits();
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    assert_eq!(tries(&behind).await, [401; 6], "six people behind one proxy");
    direct.end().await;
    behind.end().await;
}

#[tokio::test]
async fn with_a_public_address_no_other_host_is_answered_to() {
    let world = World::with(|config| {
        config.public_url = Some("https://flow.example.org/emboflow/".to_owned());
        config.other_hosts = vec!["api:8420".to_owned()];
    })
    .await;
    let asked =
        async |host: &str, path: &str| answer(world.request(Method::GET, path).header("host", host)).await;
    for good in ["flow.example.org", "FLOW.example.org:443", "api:8420", "localhost:8420"] {
        assert_eq!(asked(good, RUNS).await.0, StatusCode::OK, "{good}");
    }
    for bad in ["evil.example", "flow.example.org.evil.example", "flow.example.org:8443"] {
        let (status, problem) = asked(bad, RUNS).await;
        assert_eq!((status.as_u16(), &problem["code"]), (421, &json!("request.host_unknown")), "{bad}");
        assert_eq!(asked(bad, "/").await.0.as_u16(), 421, "the page as well");
        assert_eq!(asked(bad, "/health").await.0, StatusCode::OK, "machines ask for its health");
    }
    // Nobody but a trusted proxy changes what was asked for.
    let forged = world.request(Method::GET, RUNS).header("host", "evil.example");
    let (status, _) = answer(forged.header("x-forwarded-host", "flow.example.org")).await;
    assert_eq!(status.as_u16(), 421);
    world.end().await;
}
