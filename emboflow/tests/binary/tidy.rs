//! What an operator lets go of: runs after their time, and executors that will not come back.

use std::time::{Duration, Instant};

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
