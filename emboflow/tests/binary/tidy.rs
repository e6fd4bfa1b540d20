//! What an operator lets go of: runs after their time, results, and executors that will not come back.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{FIRST, PATIENCE, Platform, workflow};

#[tokio::test]
async fn runs_stay_for_ever_unless_their_days_are_counted() {
    let mut platform = Platform::start().await;
    let file = platform.file("w.yaml", &workflow("kept", FIRST, ""));
    let run = platform.emboflow(&["run", &file, "--watch", "-o", "json"]).await;
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    assert!(platform.stop().await.success());
    platform.up(&["--runtime", "simulated", "--keep-runs", "365"]).await;
    let listed = async |platform: &Platform| platform.emboflow(&["run", "list", "-o", "name"]).await.out;
    assert!(listed(&platform).await.starts_with("run-"));

    assert!(platform.stop().await.success());
    platform.up(&["--runtime", "simulated", "--keep-runs", "0"]).await;
    let deadline = Instant::now() + PATIENCE;
    while !listed(&platform).await.is_empty() {
        assert!(Instant::now() < deadline, "{}", platform.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn an_executor_is_forgotten_only_when_it_is_gone() {
    let platform = Platform::start().await;
    let deadline = Instant::now() + PATIENCE;
    let executor = loop {
        let listed = platform.emboflow(&["executor", "list", "-o", "name"]).await;
        if !listed.out.is_empty() {
            break listed.out.trim().to_owned();
        }
        assert!(Instant::now() < deadline, "{}", listed.err);
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let refused = platform.emboflow(&["executor", "forget", &executor]).await;
    assert_eq!(refused.code, 1, "{}", refused.out);
    assert!(refused.err.contains("executor.online") && refused.err.contains("15 s"), "{}", refused.err);
    let unknown = platform.emboflow(&["executor", "forget", "nobody"]).await;
    assert!(unknown.err.contains("executor.not_found"), "{}", unknown.err);
}

#[tokio::test]
async fn results_that_are_cleared_are_made_once_more() {
    let platform = Platform::start().await;
    let source = "version: 1\nname: nightly\ntasks:\n  make: { image: i, cache: true }\n";
    let file = platform.file("w.yaml", source);
    let run = async || {
        let run = platform.emboflow(&["run", &file, "--watch", "-o", "json"]).await;
        assert_eq!(run.code, 0, "{}{}", run.out, run.err);
        serde_json::from_str::<Value>(&run.out).unwrap()["tasks"]["by_state"].clone()
    };
    assert_eq!(run().await, json!({ "succeeded": 1 }));
    assert_eq!(run().await, json!({ "cached": 1 }));
    let none = platform.emboflow(&["cache", "cleared"]).await;
    assert!(none.err.contains("no results of project default were ever cleared"), "{}", none.err);

    let clear = ["cache", "clear", "--workflow", "nightly"];
    let unsure = platform.emboflow(&clear).await;
    assert!(unsure.code != 0 && unsure.err.contains("--yes"), "nobody is asked here: {}", unsure.err);
    assert_eq!(run().await, json!({ "cached": 1 }));
    let cleared = platform.emboflow(&[&clear[..], &["--yes"]].concat()).await;
    assert!(cleared.code == 0 && cleared.err.contains("the results of nightly"), "{}", cleared.err);
    assert_eq!(run().await, json!({ "succeeded": 1 }));
    let listed = platform.emboflow(&["cache", "cleared"]).await;
    assert!(listed.out.contains("nightly"), "{}", listed.out);
}
