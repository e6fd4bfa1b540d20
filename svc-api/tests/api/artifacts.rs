//! Artifacts: what is there, and its bytes.

use emboflow_model::object_key::{artifact_manifest, artifact_prefix};
use emboflow_model::{ArtifactSummary, LogEntry};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{History, World, attempt_end, prefix};

fn summary(prefix: &str, name: &str, directory: bool) -> ArtifactSummary {
    ArtifactSummary {
        name: name.to_owned(),
        stored_as: None,
        prefix: prefix.to_owned(),
        files: 2,
        size_bytes: 30,
        manifest_sha256: "0".repeat(64),
        directory,
        preview: true,
    }
}

/// A finished run with a folder and a file; its artifacts' address.
async fn finished(world: &World) -> String {
    let mut history = History::new();
    let accepted = history.accept("default", "k", b"{}", &[("report", None)]);
    let running = history.dispatch(&accepted, "report");
    let prefix = prefix(&accepted, "report");
    let folder = artifact_prefix(&prefix, "site");
    world.put_object(&format!("{folder}index.html"), "<h1>digits</h1>").await;
    world.put_object(&format!("{folder}sub/a%20%C3%A9.csv"), "a,b\n1,2\n").await;
    world.put_object(&format!("{}metrics.json", artifact_prefix(&prefix, "metrics")), "{\"f1\": 0.9}").await;
    let manifest = json!({"files": [{"path": "index.html", "size_bytes": 15, "sha256": "00"}]});
    world.put_object(&artifact_manifest(&prefix, "site"), manifest.to_string()).await;
    let artifacts = vec![summary(&prefix, "site", true), summary(&prefix, "metrics", false)];
    let ended = history.succeed(&running, "report", attempt_end(None, artifacts));
    world.decide([accepted.clone(), running, ended].map(LogEntry::Transition).to_vec()).await;
    format!("/api/v1/projects/default/runs/{}/artifacts", accepted.run)
}

#[tokio::test]
async fn artifacts_and_their_files_are_listed() {
    let world = World::start().await;
    let path = finished(&world).await;
    let (status, page) = world.get(&path).await;
    assert_eq!((status, &page["next"]), (StatusCode::OK, &serde_json::Value::Null));
    let names: Vec<_> =
        page["items"].as_array().unwrap().iter().map(|view| view["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["site", "metrics"]);
    assert_eq!(
        (page["items"][0]["task"].as_str(), page["items"][0]["directory"].as_bool()),
        (Some("report"), Some(true))
    );
    let (_, manifest) = world.get(&format!("{path}/report/site")).await;
    assert_eq!(manifest["files"][0]["path"], "index.html");
    for (missing, code) in [("report/none", "artifact.not_found"), ("none/site", "task.not_found")] {
        let (status, problem) = world.get(&format!("{path}/{missing}")).await;
        assert_eq!((status, problem["code"].as_str()), (StatusCode::NOT_FOUND, Some(code)));
    }
    world.end().await;
}

#[tokio::test]
async fn a_file_is_streamed_whole_or_in_part_and_cannot_act_as_a_page_of_ours() {
    let world = World::start().await;
    let path = finished(&world).await;
    let get = |rest: &str| world.request(Method::GET, &format!("{path}/report/{rest}"));
    let html = get("site/index.html").send().await.unwrap();
    assert_eq!(html.headers()["content-type"], "text/html; charset=utf-8");
    assert!(html.headers()["content-security-policy"].to_str().unwrap().starts_with("sandbox;"));
    assert_eq!(html.headers()["x-content-type-options"], "nosniff");
    let tag = html.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(html.text().await.unwrap(), "<h1>digits</h1>");
    let known = get("site/index.html").header("if-none-match", &tag).send().await.unwrap();
    assert_eq!((known.status(), known.text().await.unwrap().as_str()), (StatusCode::NOT_MODIFIED, ""));

    let part = get("site/index.html").header("range", "bytes=4-9").send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()["content-range"], "bytes 4-9/15");
    assert_eq!(part.text().await.unwrap(), "digits");
    let mine = get("site/index.html").header("range", "bytes=4-9").header("if-range", &tag);
    assert_eq!(mine.send().await.unwrap().status(), StatusCode::PARTIAL_CONTENT);
    let other = get("site/index.html").header("range", "bytes=4-9").header("if-range", "\"other\"");
    assert_eq!(
        other.send().await.unwrap().text().await.unwrap(),
        "<h1>digits</h1>",
        "a part of another file"
    );
    let beyond = get("site/index.html").header("range", "bytes=99-").send().await.unwrap();
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);

    let saved = get("site/sub/a%20%C3%A9.csv?download").send().await.unwrap();
    assert!(
        saved.headers()["content-disposition"]
            .to_str()
            .unwrap()
            .starts_with("attachment; filename=\"a__.csv\"")
    );
    assert_eq!(saved.text().await.unwrap(), "a,b\n1,2\n");
    assert_eq!(get("metrics/metrics.json").send().await.unwrap().text().await.unwrap(), "{\"f1\": 0.9}");
    for (bad, status) in
        [("site/none.txt", 404), ("site/..%2f..%2flogs%2fseal.json", 400), ("site/a%00b", 400)]
    {
        assert_eq!(get(bad).send().await.unwrap().status(), status, "{bad}");
    }
    world.end().await;
}
