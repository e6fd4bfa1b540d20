//! Reading what one has already, and changing only what one has seen.

use emboflow_model::LogEntry;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{History, World};

const WORKFLOWS: &str = "/api/v1/projects/default/workflows";

fn file(name: &str, image: &str) -> serde_json::Value {
    let source =
        format!("version: 1\nname: {name}\ntasks:\n  train:\n    image: {image}\n    command: [\"true\"]\n");
    json!({"source": source})
}

#[tokio::test]
async fn a_thing_that_has_not_changed_is_not_sent_again() {
    let world = World::start().await;
    let mut history = History::new();
    let accepted = history.accept("default", "k", b"{}", &[("train", None)]);
    world.decide(vec![LogEntry::Transition(accepted.clone())]).await;
    let run = format!("/api/v1/projects/default/runs/{}", accepted.run);
    let tag = async |path: &str| {
        let response = world.request(Method::GET, path).send().await.unwrap();
        assert_eq!(response.headers()["cache-control"], "private, no-cache", "{path}");
        response.headers()["etag"].to_str().unwrap().to_owned()
    };
    let known = async |path: &str, tag: &str| {
        let request = world.request(Method::GET, path).header("if-none-match", tag);
        let response = request.send().await.unwrap();
        let status = response.status();
        let body = response.bytes().await.unwrap();
        assert_eq!(body.is_empty(), status == StatusCode::NOT_MODIFIED, "{path}");
        status
    };
    for path in [run.clone(), format!("{run}/source"), format!("{run}/tasks"), "/api/openapi.json".to_owned()]
    {
        let tag = tag(&path).await;
        assert_eq!(known(&path, &tag).await, StatusCode::NOT_MODIFIED, "{path}");
        assert_eq!(known(&path, &format!("\"x\", W/{tag}")).await, StatusCode::NOT_MODIFIED, "{path}");
        assert_eq!(known(&path, "*").await, StatusCode::NOT_MODIFIED, "{path}");
        assert_eq!(known(&path, "\"x\"").await, StatusCode::OK, "{path}");
        let head = world.request(Method::HEAD, &path).send().await.unwrap();
        assert_eq!(head.headers()["etag"].to_str().unwrap(), tag, "{path}");
        assert!(head.headers()["content-length"].to_str().unwrap().parse::<u64>().unwrap() > 0, "{path}");
    }
    let before = tag(&run).await;
    world.decide(vec![LogEntry::Transition(history.dispatch(&accepted, "train"))]).await;
    assert_eq!(known(&run, &before).await, StatusCode::OK, "it has changed");
    let missing = format!("{WORKFLOWS}/none");
    assert_eq!(known(&missing, "*").await, StatusCode::NOT_FOUND);
    world.end().await;
}

#[tokio::test]
async fn a_workflow_is_changed_only_from_the_version_that_was_seen() {
    let world = World::start().await;
    let path = format!("{WORKFLOWS}/digits");
    let put = async |image: &str, header: &'static str, tag: &str| {
        let request = world.request(Method::PUT, &path).json(&file("digits", image));
        let response = request.header(header, tag).send().await.unwrap();
        let status = response.status();
        let body: serde_json::Value = response.json().await.unwrap();
        (status, body["code"].as_str().map(str::to_owned))
    };
    let tag = async || {
        let response = world.request(Method::GET, &path).send().await.unwrap();
        response.headers()["etag"].to_str().unwrap().to_owned()
    };
    let refused = (StatusCode::PRECONDITION_FAILED, Some("request.precondition_failed".to_owned()));
    assert_eq!(put("a:1", "if-match", "*").await, refused, "there is none yet");
    assert_eq!(put("a:1", "if-none-match", "*").await, (StatusCode::OK, None));
    assert_eq!(put("a:1", "if-none-match", "*").await, refused, "there is one now");
    let first = tag().await;
    assert_eq!(put("b:1", "if-match", &first).await, (StatusCode::OK, None));
    assert_eq!(put("c:1", "if-match", &first).await, refused, "somebody was faster");
    assert_eq!(put("c:1", "if-match", &tag().await).await, (StatusCode::OK, None));
    world.end().await;
}

#[tokio::test]
async fn of_several_changes_from_the_same_version_one_is_made() {
    let world = World::start().await;
    let path = format!("{WORKFLOWS}/digits");
    let put = async |image: String| {
        let request = world.request(Method::PUT, &path).json(&file("digits", &image));
        request.header("if-none-match", "*").send().await.unwrap().status()
    };
    let statuses = futures::future::join_all((0..8).map(|number| put(format!("a:{number}")))).await;
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::OK).count(), 1, "{statuses:?}");
    world.end().await;
}

#[tokio::test]
async fn a_workflow_may_be_called_validate() {
    let world = World::start().await;
    let path = format!("{WORKFLOWS}/validate");
    let put = world.request(Method::PUT, &path).json(&file("validate", "a:1")).send().await.unwrap();
    assert_eq!(put.status(), StatusCode::OK);
    let (status, shown) = world.get(&format!("{path}?version=1")).await;
    assert_eq!((status, shown["name"].as_str()), (StatusCode::OK, Some("validate")));
    let checked = world.request(Method::POST, &path).json(&file("digits", "a:1")).send().await.unwrap();
    let checked: serde_json::Value = checked.json().await.unwrap();
    assert_eq!(checked["tasks"], json!(["train"]), "the check is still there");
    world.end().await;
}
