//! Projects and their members.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Person, World, answer};

#[tokio::test]
async fn a_project_that_was_made_is_there_at_once_and_only_for_its_members() {
    let world = World::start().await;
    let anna = Person::of_lab(&world, "anna", "viewer").await;
    let make = |body| world.request(Method::POST, "/api/v1/projects").json(&body);
    let body = json!({"name": "vault", "description": "for gold", "quotas": {"open_runs": 3}});
    let (status, made) = answer(make(body.clone())).await;
    assert_eq!((status, &made["quotas"]["open_runs"]), (StatusCode::CREATED, &json!(3)));
    let (status, problem) = answer(make(body)).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("project.exists")));
    assert_eq!(world.get("/api/v1/projects/vault/runs").await.0, StatusCode::OK);
    assert_eq!(anna.get(&world, "/api/v1/projects/vault").await.0, StatusCode::NOT_FOUND);
    let member =
        world.request(Method::PUT, "/api/v1/projects/vault/members/anna").json(&json!({"role": "operator"}));
    assert_eq!(answer(member).await.0, StatusCode::OK);
    let (_, seen) = anna.get(&world, "/api/v1/projects/vault").await;
    assert_eq!((&seen["role"], &seen["description"]), (&json!("operator"), &json!("for gold")));
    for bad in ["", "Vault", "a/b", "../etc", &"a".repeat(64)] {
        assert_eq!(answer(make(json!({"name": bad}))).await.0, StatusCode::BAD_REQUEST, "{bad}");
    }
    world.end().await;
}

#[tokio::test]
async fn an_admin_of_a_project_decides_on_its_members_and_on_nothing_else() {
    let world = World::start().await;
    let boss = Person::of_lab(&world, "boss", "admin").await;
    Person::new(&world, "anna", json!({})).await;
    let put = |project: &str, user: &str, role: &str| {
        let path = format!("/api/v1/projects/{project}/members/{user}");
        boss.request(&world, Method::PUT, &path).json(&json!({"role": role}))
    };
    assert_eq!(answer(put("lab", "anna", "developer")).await.0, StatusCode::OK);
    assert_eq!(answer(put("lab", "anna", "viewer")).await.0, StatusCode::OK);
    let (_, members) = boss.get(&world, "/api/v1/projects/lab/members").await;
    let roles: Vec<_> =
        members["items"].as_array().unwrap().iter().map(|m| (&m["user"], &m["role"])).collect();
    assert_eq!(roles, [(&json!("anna"), &json!("viewer")), (&json!("boss"), &json!("admin"))]);
    assert_eq!(answer(put("default", "anna", "viewer")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(answer(put("lab", "nobody", "viewer")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(answer(put("lab", "anna", "owner")).await.0, StatusCode::BAD_REQUEST);
    let patch = |body| boss.request(&world, Method::PATCH, "/api/v1/projects/lab").json(&body);
    assert_eq!(answer(patch(json!({"description": "ours"}))).await.0, StatusCode::OK);
    let (status, _) = answer(patch(json!({"quotas": {"open_runs": 1_000_000}}))).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let remove = boss.request(&world, Method::DELETE, "/api/v1/projects/lab/members/anna");
    assert_eq!(answer(remove).await.0, StatusCode::NO_CONTENT);
    world.end().await;
}

#[tokio::test]
async fn what_a_project_stores_is_shown_to_its_members_and_bounds_its_uploads() {
    let world = World::start().await;
    let anna = Person::of_lab(&world, "anna", "developer").await;
    let quota = json!({"quotas": {"stored_bytes": 1_000}});
    let patch = world.request(Method::PATCH, "/api/v1/projects/lab").json(&quota);
    assert_eq!(answer(patch).await.0, StatusCode::OK);
    world.put_object("lab/runs/r/attempts/t/1/artifacts/a/x", vec![7; 900]).await;
    let (status, usage) = anna.get(&world, "/api/v1/projects/lab/usage").await;
    assert_eq!(status, StatusCode::OK, "{usage}");
    let figures = (&usage["stored_bytes"], &usage["objects"], &usage["quota"]);
    assert_eq!(figures, (&json!(900), &json!(1), &json!(1_000)));
    assert_eq!(anna.get(&world, "/api/v1/projects/default/usage").await.0, StatusCode::NOT_FOUND);
    world.end().await;
}

#[tokio::test]
async fn a_role_in_a_project_that_is_not_there_is_a_typing_error() {
    let world = World::start().await;
    let powers = json!({"bindings": [{"project": "labb", "role": "viewer"}]});
    let body = json!({"name": "anna", "powers": powers});
    let (status, problem) = answer(world.request(Method::POST, "/api/v1/users").json(&body)).await;
    assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("request.invalid")));
    assert_eq!(problem["errors"][0]["pointer"], "/powers/bindings/0/project");
    world.end().await;
}
