//! API keys.

use emboflow_model::Timestamp;
use emboflow_model::access::ApiKey;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Person, World, answer};

const RUNS: &str = "/api/v1/projects/lab/runs";

async fn status(world: &World, key: &str, path: &str) -> StatusCode {
    world.bare(Method::GET, path).bearer_auth(key).send().await.unwrap().status()
}

#[tokio::test]
async fn a_key_opens_what_it_was_made_for_until_it_is_ended() {
    let world = World::start().await;
    let anna = Person::of_lab(&world, "anna", "developer").await;
    let (id, key) = anna.key(&world, None).await;
    assert!(key.starts_with("emb_") && key.len() >= 4 + 43, "256 bits and a prefix");
    assert_eq!(status(&world, &key, RUNS).await, StatusCode::OK);
    let kept = world.records.kept_page("api-key", Some(""), None, 10).await.unwrap();
    assert!(kept.iter().all(|kept| !kept.name.contains(&key) && !kept.body.contains(&key[4..])));
    let (_, keys) = anna.get(&world, "/api/v1/keys").await;
    assert!(keys["items"][0]["last_used_at"].is_string() && !keys.to_string().contains(&key));
    for forged in [&key[..key.len() - 1], &format!("{key}x"), &key.replace("emb_", ""), "emb_", "emb_*"] {
        assert_eq!(status(&world, forged, RUNS).await, StatusCode::UNAUTHORIZED, "{forged}");
    }
    let bert = Person::of_lab(&world, "bert", "admin").await;
    let path = format!("/api/v1/keys/{id}");
    assert_eq!(answer(bert.request(&world, Method::DELETE, &path)).await.0, StatusCode::NOT_FOUND);
    assert_eq!(answer(anna.request(&world, Method::DELETE, &path)).await.0, StatusCode::NO_CONTENT);
    assert_eq!(status(&world, &key, RUNS).await, StatusCode::UNAUTHORIZED, "replayed");
    world.end().await;
}

#[tokio::test]
async fn a_key_never_reaches_further_than_its_owner_does_now() {
    let world = World::start().await;
    let anna = Person::of_lab(&world, "anna", "developer").await;
    let everything = json!({"platform_admin": true, "bindings": [{"project": "*", "role": "admin"}]});
    let (_, key) = anna.key(&world, Some(everything)).await;
    assert_eq!(status(&world, &key, "/api/v1/users").await, StatusCode::FORBIDDEN);
    assert_eq!(status(&world, &key, "/api/v1/projects/default/runs").await, StatusCode::NOT_FOUND);
    assert_eq!(status(&world, &key, "/api/v1/projects/lab/members").await, StatusCode::FORBIDDEN);
    assert_eq!(status(&world, &key, RUNS).await, StatusCode::OK);
    let out = world.request(Method::DELETE, "/api/v1/projects/lab/members/anna");
    assert_eq!(answer(out).await.0, StatusCode::NO_CONTENT);
    assert_eq!(status(&world, &key, RUNS).await, StatusCode::NOT_FOUND);
    let disable = world.request(Method::PATCH, "/api/v1/users/anna").json(&json!({"disabled": true}));
    assert_eq!(answer(disable).await.0, StatusCode::OK);
    assert_eq!(status(&world, &key, "/api/v1/me").await, StatusCode::UNAUTHORIZED);
    world.end().await;
}

#[tokio::test]
async fn a_key_that_has_expired_is_refused() {
    let world = World::start().await;
    let anna = Person::of_lab(&world, "anna", "developer").await;
    let (_, key) = anna.key(&world, None).await;
    let kept = world.records.kept_page("api-key", Some(""), None, 10).await.unwrap().remove(0);
    let mut body: ApiKey = serde_json::from_str(&kept.body).unwrap();
    body.expires_at = Some(Timestamp(1));
    let body = serde_json::to_string(&body).unwrap();
    assert!(world.records.keep("api-key", "", &kept.name, Some(kept.version), body).await.unwrap().is_some());
    assert_eq!(status(&world, &key, RUNS).await, StatusCode::UNAUTHORIZED);
    world.end().await;
}

#[tokio::test]
async fn a_key_makes_no_other_key_and_changes_no_password() {
    let world = World::start().await;
    let root = Person::new(&world, "root", json!({"platform_admin": true})).await;
    let (id, key) = root.key(&world, None).await;
    let post = |path: &str, body| world.bare(Method::POST, path).bearer_auth(&key).json(&body);
    for (path, body) in [
        ("/api/v1/keys", json!({"name": "another"})),
        (
            "/api/v1/me/password",
            json!({"current": Person::PASSWORD, "password": "nine quiet lanterns drift"}),
        ),
    ] {
        assert_eq!(answer(post(path, body)).await.0, StatusCode::FORBIDDEN, "{path}");
    }
    let (other, _) = root.key(&world, None).await;
    let end = |id: &str| world.bare(Method::DELETE, &format!("/api/v1/keys/{id}")).bearer_auth(&key);
    assert_eq!(answer(end(&other)).await.0, StatusCode::NOT_FOUND);
    assert_eq!(answer(end(&id)).await.0, StatusCode::NO_CONTENT, "but it may end itself");
    assert_eq!(status(&world, &key, "/api/v1/me").await, StatusCode::UNAUTHORIZED);
    world.end().await;
}
