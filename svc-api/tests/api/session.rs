//! The page: sign-in, files, health.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{CODE, TOKEN, World, until};

#[tokio::test]
async fn the_sign_in_link_works_once_and_its_cookie_opens_the_api() {
    let world = World::start().await;
    let link = format!("/session?code={CODE}");
    let looked_at = world.bare(Method::HEAD, &link).send().await.unwrap();
    assert!(!looked_at.headers().contains_key("set-cookie"), "who only looks does not use it up");
    let response = world.bare(Method::GET, &link).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers()["location"], "./");
    let set = response.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict") && !set.contains("Path="), "{set}");
    let cookie = set.split(';').next().unwrap().to_owned();

    let runs = "/api/v1/projects/default/runs";
    let response = world.bare(Method::GET, runs).header("cookie", &cookie).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let foreign =
        world.bare(Method::POST, runs).header("cookie", &cookie).header("origin", "http://evil.example");
    assert_eq!(foreign.json(&json!({})).send().await.unwrap().status(), StatusCode::FORBIDDEN);

    let again = world.bare(Method::GET, &link).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::UNAUTHORIZED);
    let signed_in = world.bare(Method::GET, &link).header("cookie", &cookie).send().await.unwrap();
    assert_eq!(signed_in.status(), StatusCode::SEE_OTHER, "a link that is opened again by its own browser");
    world.end().await;
}

#[tokio::test]
async fn the_token_signs_a_browser_in_and_out() {
    let world = World::start().await;
    let wrong =
        world.bare(Method::POST, "/session").json(&json!({"token": "wrong-token"})).send().await.unwrap();
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    let response = world.bare(Method::POST, "/session").json(&json!({"token": TOKEN})).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert!(response.headers()["set-cookie"].to_str().unwrap().starts_with("emboflow_session_"));
    let response = world.bare(Method::DELETE, "/session").send().await.unwrap();
    assert!(response.headers()["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(response.headers()["clear-site-data"], "\"cache\"");
    world.end().await;
}

#[tokio::test]
async fn an_answer_that_a_browser_is_made_to_show_runs_nothing_and_is_framed_nowhere() {
    let world = World::start().await;
    for path in
        ["/api/v1/projects/default/runs", "/api/v1/projects/none/runs", "/health", "/api/openapi.json"]
    {
        let response = world.request(Method::GET, path).send().await.unwrap();
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        for part in ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{path}");
    }
    world.end().await;
}

#[tokio::test]
async fn health_is_open_and_names_each_dependency() {
    let world = World::start().await;
    for (path, part) in
        [("/health", "alive"), ("/ready", "storage"), ("/metrics", "emboflow_http_request_duration")]
    {
        // What was found a moment ago is said again: it may be from before the connection.
        let text = until("all is well", async || {
            let response = world.bare(Method::GET, path).send().await.unwrap();
            let is_well = response.status() == StatusCode::OK;
            let text = response.text().await.unwrap();
            is_well.then_some(text)
        })
        .await;
        assert!(text.contains(part), "{path}: {text}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_page_address_is_answered_for_its_depth_or_says_that_there_is_no_page() {
    let world = World::start().await;
    for (path, root) in [("/", "./"), ("/runs", "./"), ("/runs/run-1", "../"), ("/runs/run-1/logs", "../../")]
    {
        let response = world.bare(Method::GET, path).send().await.unwrap();
        if response.status() == StatusCode::NOT_FOUND {
            // Built before the page was.
            assert!(response.text().await.unwrap().contains("make web"));
            continue;
        }
        assert!(
            response.headers()["content-security-policy"]
                .to_str()
                .unwrap()
                .contains("frame-ancestors 'none'")
        );
        assert_eq!(response.headers()["cache-control"], "no-cache");
        let tag = response.headers()["etag"].to_str().unwrap().to_owned();
        let page = response.text().await.unwrap();
        assert!(page.contains(&format!("data-root=\"{root}\"")), "{path}");
        let known = world.bare(Method::GET, path).header("if-none-match", tag).send().await.unwrap();
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED);

        let script =
            page.split('"').find(|text| text.ends_with("/app.js")).unwrap().trim_start_matches(['.', '/']);
        let request = world.bare(Method::GET, &format!("/{script}")).header("accept-encoding", "gzip, br");
        let script = request.send().await.unwrap();
        assert_eq!(script.headers()["content-encoding"], "br");
        assert!(script.headers()["cache-control"].to_str().unwrap().contains("immutable"));
        assert!(script.headers()["content-type"].to_str().unwrap().contains("javascript"));
    }
    world.end().await;
}
