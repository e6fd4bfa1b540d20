//! Results are cleared, of a project or of one workflow.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{World, answer};

const CLEARINGS: &str = "/api/v1/projects/default/cache/clearings";

async fn clear(world: &World, body: Value) -> (StatusCode, Value) {
    answer(world.request(Method::POST, CLEARINGS).json(&body)).await
}

#[tokio::test]
async fn what_was_cleared_last_is_listed_once_for_the_project_and_each_workflow() {
    let world = World::start().await;
    for _ in 0..2 {
        let (status, cleared) = clear(&world, json!({ "workflow": "nightly" })).await;
        assert_eq!((status, &cleared["workflow"]), (StatusCode::OK, &json!("nightly")), "{cleared}");
    }
    let (status, all) = answer(world.request(Method::POST, CLEARINGS)).await;
    assert_eq!((status, &all["by"]), (StatusCode::OK, &json!("local")), "{all}");
    let (_, page) = world.get(&format!("{CLEARINGS}?limit=1")).await;
    assert_eq!(page["items"], json!([all]));
    let next = page["next"].as_str().unwrap();
    let (_, rest) = world.get(&format!("{CLEARINGS}?limit=1&cursor={next}")).await;
    assert_eq!((&rest["items"][0]["workflow"], &rest["next"]), (&json!("nightly"), &Value::Null));
    world.end().await;
}

#[tokio::test]
async fn what_is_no_workflow_or_no_field_clears_nothing() {
    let world = World::start().await;
    for wrong in [json!({ "workflow": "No Name" }), json!({ "task": "train" })] {
        let (status, problem) = clear(&world, wrong).await;
        assert!(status.is_client_error() && problem["code"].is_string(), "{status} {problem}");
    }
    let (_, listed) = world.get(CLEARINGS).await;
    assert_eq!(listed["items"], json!([]));
    world.end().await;
}
