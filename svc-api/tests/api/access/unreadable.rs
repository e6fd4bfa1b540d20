//! Kept documents that this version cannot read, such as those of a newer one: they stop nothing else.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Person, World, answer, sign_in};

async fn spoil(world: &World, kind: &'static str, scope: &str, name: &str) {
    let body = r#"{"is":"of a newer version"}"#.to_owned();
    world.records.keep(kind, scope, name, None, body).await.unwrap().unwrap();
}

fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_document_that_cannot_be_read_is_passed_over_and_counted_and_the_others_are_there() {
    let world = World::start().await;
    let anna = Person::of_lab(&world, "anna", "developer").await;
    let zoe = Person::of_lab(&world, "zoe", "viewer").await;
    zoe.key(&world, None).await;
    let last = "f".repeat(64);
    for (kind, scope, name) in [
        ("user", "", "aaron"),
        ("user", "", "bert"),
        ("session", "", "zoe/0"),
        ("api-key", "", &"0".repeat(64)),
        ("api-key", "", &last),
        ("service", "", "robot"),
        ("project", "", "beyond"),
        ("trigger", "lab", "nightly"),
    ] {
        spoil(&world, kind, scope, name).await;
    }
    let (status, users) = world.get("/api/v1/users").await;
    assert_eq!((status, names(&users)), (StatusCode::OK, vec!["anna", "zoe"]));
    let (_, first) = world.get("/api/v1/users?limit=1").await;
    let (_, second) = world.get(&format!("/api/v1/users?limit=1&cursor={}", first["next"])).await;
    assert_eq!(names(&first), ["anna"]);
    assert!(first["next"].is_string() && second["items"].is_array(), "{first} {second}");
    let (_, keys) = zoe.get(&world, "/api/v1/keys").await;
    assert_eq!(names(&keys), ["tests"]);
    for path in ["/api/v1/services", "/api/v1/sessions?user=*", "/api/v1/projects/lab/members"] {
        assert_eq!(world.get(path).await.0, StatusCode::OK, "{path}");
    }
    let made = world.request(Method::POST, "/api/v1/projects").json(&json!({"name": "made"}));
    assert_eq!(answer(made).await.0, StatusCode::CREATED, "the projects are read again");
    let (status, triggers) = anna.get(&world, "/api/v1/projects/lab/triggers").await;
    assert_eq!((status, names(&triggers).len()), (StatusCode::OK, 0), "{triggers}");
    let source = "version: 1\nname: one\ntasks: { a: { image: busybox } }\n";
    let put = anna.request(&world, Method::PUT, "/api/v1/projects/lab/workflows/one");
    let (status, put) = answer(put.json(&json!({ "source": source }))).await;
    assert_eq!(status, StatusCode::OK, "{put}");

    let removed = world.request(Method::DELETE, "/api/v1/users/zoe");
    assert_eq!(answer(removed).await.0, StatusCode::NO_CONTENT);
    let left = world.records.kept_page("session", Some(""), Some(("", "zoe/")), 10).await.unwrap();
    assert!(left.iter().all(|kept| !kept.name.starts_with("zoe/")), "{left:?}");
    let (_, metrics) = world.text("/metrics").await;
    assert!(metrics.contains(r#"emboflow_kept_unreadable_total{kind="user"}"#), "{metrics}");
    world.end().await;
}

#[tokio::test]
async fn what_a_newer_version_has_added_to_a_document_keeps_nobody_out() {
    let world = World::start().await;
    Person::of_lab(&world, "anna", "viewer").await;
    let kept = world.records.kept("user", "", "anna").await.unwrap().unwrap();
    let mut user: Value = serde_json::from_str(&kept.body).unwrap();
    user["bindings"][0]["until"] = json!("tomorrow");
    user["pronouns"] = json!("she");
    let put = world.records.keep("user", "", "anna", Some(kept.version), user.to_string()).await.unwrap();
    assert!(put.is_some());
    let cookie = sign_in(&world, "anna").await;
    let shown = world.bare(Method::GET, "/api/v1/projects/lab").header("cookie", cookie);
    assert_eq!(answer(shown).await.0, StatusCode::OK);
    // In a request it is a typing error.
    let body = json!({"powers": {"bindings": [{"project": "lab", "role": "viewer", "until": "tomorrow"}]}});
    let (status, problem) = answer(world.request(Method::PATCH, "/api/v1/users/anna").json(&body)).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::BAD_REQUEST, &json!("request.malformed")),
        "{problem}"
    );
    world.end().await;
}
