//! How the installation is: told to everybody who has signed in; where its parts are only to those who look after it.

use reqwest::StatusCode;
use serde_json::Value;

use crate::support::{Person, World};

fn texts(view: &Value, field: &str, found: &mut Vec<String>) {
    match view {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(text) if name == field => found.push(text.to_owned()),
                    _ => texts(value, field, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, field, found)),
        _ => {}
    }
}

fn said(view: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for field in ["detail", "reason", "hint"] {
        texts(view, field, &mut found);
    }
    found
}

#[tokio::test]
async fn where_the_parts_are_and_why_they_fail_is_told_to_administrators_only() {
    let world = World::start().await;
    let anna = Person::of_lab(&world, "anna", "admin").await;
    let port = world.nats.url().rsplit(':').next().unwrap().to_owned();
    let names_nats = |view: &Value| said(view).iter().any(|text| text.contains(&port));
    let is_outline = |view: &Value| {
        let said = said(view);
        let is_plain = |text: &String| text.starts_with("works") || text.starts_with("does not work");
        !said.is_empty() && said.iter().all(is_plain)
    };
    for path in ["/api/v1/system", "/api/v1/system/health"] {
        let (status, all) = world.get(path).await;
        assert!(status == StatusCode::OK && names_nats(&all), "{path}: {all}");
        let (status, hers) = anna.get(&world, path).await;
        assert!(status == StatusCode::OK && is_outline(&hers), "{path}: {hers}");
    }
    let (_, all) = world.get("/api/v1/system").await;
    let (_, hers) = anna.get(&world, "/api/v1/system").await;
    let names = |view: &Value| -> Vec<Value> {
        let checks = view["checks"].as_array().unwrap();
        assert!(
            checks.iter().all(|check| check["ok"].is_boolean()),
            "what works and what does not is no secret"
        );
        checks.iter().map(|check| check["name"].clone()).collect()
    };
    assert_eq!(names(&all), names(&hers));
    world.end().await;
}
