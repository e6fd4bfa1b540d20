//! Secrets of projects: written, named, never read.

use emboflow_model::secret::KeptSecret;
use emboflow_protocol::secret_box::{KeyRing, Place};
use emboflow_service::{Keys, Secret};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{World, answer};

const KEY: &str = "key-for-the-secrets-of-the-tests-01";
const LAB: &str = "/api/v1/projects/lab/secrets";

async fn world() -> World {
    World::with(|config| config.secrets = Some(Keys { key: Secret::new(KEY), old_keys: Vec::new() })).await
}

async fn put(world: &World, path: &str, value: &str) -> (StatusCode, Value) {
    answer(world.request(Method::PUT, path).json(&json!({ "value": value }))).await
}

#[tokio::test]
async fn a_value_goes_in_and_no_answer_and_no_document_shows_it() {
    let world = world().await;
    let token = format!("{LAB}/my-token");
    let (status, first) = put(&world, &token, "canary-one").await;
    assert_eq!(
        (status, &first["version"], &first["created_by"]),
        (StatusCode::OK, &json!(1), &json!("local"))
    );
    let (_, second) = put(&world, &token, "canary-two").await;
    assert_eq!((&second["version"], &second["created_at"]), (&json!(2), &first["created_at"]));
    let (_, shown) = world.get(&token).await;
    assert_eq!(shown, second);
    let (_, listed) = world.get(LAB).await;
    assert_eq!(listed["items"], json!([second]));
    for answer in [&first, &second, &shown, &listed] {
        assert!(!answer.to_string().contains("canary"), "{answer}");
    }
    let kept = world.records.kept("secret", "lab", "my-token").await.unwrap().unwrap();
    assert!(!kept.body.contains("canary"), "{}", kept.body);
    let kept: KeptSecret = serde_json::from_str(&kept.body).unwrap();
    let (project, secret) = ("lab".parse().unwrap(), "my-token".parse().unwrap());
    let place = Place { project: &project, secret: &secret, version: 2 };
    assert_eq!(KeyRing::new(KEY, []).unwrap().open(place, &kept.sealed).unwrap().reveal(), "canary-two");
    world.end().await;
}

#[tokio::test]
async fn a_project_that_is_full_of_secrets_takes_no_more_but_changes_those_it_has() {
    let world = world().await;
    let (_, first) = put(&world, &format!("{LAB}/first"), "a").await;
    assert_eq!(first["version"], 1, "{first}");
    let body = world.records.kept("secret", "lab", "first").await.unwrap().unwrap().body;
    let fill = (1..emboflow_model::secret::MAX_OF_PROJECT).map(|n| {
        let (records, body) = (world.records.clone(), body.clone());
        async move { records.keep("secret", "lab", &format!("s-{n}"), None, body).await.unwrap() }
    });
    futures::future::join_all(fill).await;
    let (status, problem) = put(&world, &format!("{LAB}/one-more"), "b").await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::CONFLICT, Some("secret.too_many")));
    let (status, changed) = put(&world, &format!("{LAB}/first"), "b").await;
    assert_eq!((status, changed["version"].as_u64()), (StatusCode::OK, Some(2)), "{changed}");
    let (status, _) = put(&world, "/api/v1/projects/default/secrets/one-more", "b").await;
    assert_eq!(status, StatusCode::OK, "another project has room");
    world.end().await;
}

#[tokio::test]
async fn secrets_are_of_one_project_and_can_be_removed() {
    let world = world().await;
    for index in 0..5 {
        put(&world, &format!("{LAB}/s{index}"), "a value").await;
    }
    let (_, other) = world.get("/api/v1/projects/default/secrets").await;
    assert_eq!(other["items"], json!([]));
    let mut names = Vec::new();
    let mut cursor = String::new();
    loop {
        let (_, page) = world.get(&format!("{LAB}?limit=2&cursor={cursor}")).await;
        names.extend(
            page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(names, ["s0", "s1", "s2", "s3", "s4"]);
    let gone = world.request(Method::DELETE, &format!("{LAB}/s3")).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    let (status, problem) = answer(world.request(Method::DELETE, &format!("{LAB}/s3"))).await;
    assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("secret.not_found")));
    assert_eq!(world.get(&format!("{LAB}/s3")).await.0, StatusCode::NOT_FOUND);
    world.end().await;
}

#[tokio::test]
async fn what_cannot_be_a_secret_is_refused_without_showing_it() {
    let world = world().await;
    let path = format!("{LAB}/token");
    for (bad, status) in [("", 422), ("canary\u{1b}[0m", 422), (&*"canary".repeat(4_000), 422)] {
        let (seen, problem) = put(&world, &path, bad).await;
        assert_eq!((seen.as_u16(), &problem["code"]), (status, &json!("secret.invalid")), "{problem}");
        assert!(!problem.to_string().contains("canary"), "{problem}");
    }
    let (status, problem) =
        answer(world.request(Method::PUT, &path).json(&json!({ "valeu": "canary" }))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(!problem.to_string().contains("canary"), "{problem}");
    assert_eq!(put(&world, &format!("{LAB}/Not%20a%20name"), "x").await.0, StatusCode::NOT_FOUND);
    assert_eq!(put(&world, "/api/v1/projects/none/secrets/token", "x").await.0, StatusCode::NOT_FOUND);
    world.end().await;
}

#[tokio::test]
async fn without_a_key_no_value_is_taken() {
    let world = World::start().await;
    let (status, problem) = put(&world, &format!("{LAB}/token"), "a value").await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("secret.no_key")));
    assert!(world.records.kept("secret", "lab", "token").await.unwrap().is_none());
    world.end().await;
}

#[tokio::test]
async fn changes_that_come_together_are_all_counted() {
    let world = world().await;
    let path = format!("{LAB}/token");
    let puts = (0..4).map(|_| put(&world, &path, "a value"));
    let answers = futures::future::join_all(puts).await;
    let taken = answers.iter().filter(|(status, _)| *status == StatusCode::OK).count() as u64;
    assert!(answers.iter().all(|(status, _)| matches!(status.as_u16(), 200 | 412)), "{answers:?}");
    assert_eq!(world.get(&path).await.1["version"], taken);
    world.end().await;
}
