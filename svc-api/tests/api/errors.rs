//! The page that the `type` of a problem points to.

use reqwest::{Method, StatusCode};

use crate::support::World;

#[tokio::test]
async fn the_type_of_a_problem_is_an_address_that_explains_its_code_to_everybody() {
    let world = World::start().await;
    let (_, problem) = world.get("/api/v1/projects/default/runs?sort=name").await;
    let (path, code) = problem["type"].as_str().unwrap().split_once('#').unwrap();
    assert_eq!(code, "request.invalid");
    let response = world.bare(Method::GET, path).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let headers = response.headers().clone();
    assert_eq!(headers["content-type"], "text/html; charset=utf-8");
    assert!(headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none';"));
    let page = response.text().await.unwrap();
    for code in ["request.invalid", "run.not_found", "workflow.unknown_field"] {
        assert!(page.contains(&format!("<tr id=\"{code}\">")), "{code}");
    }
    let known = world.bare(Method::GET, path).header("if-none-match", &headers["etag"]).send().await.unwrap();
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    world.end().await;
}
