//! What has to be true of a run that succeeded, whatever happened on the way.

use std::collections::BTreeSet;

use serde_json::Value;
use system_tests::{Client, Stack, eventually};

/// Each task has exactly one accepted attempt, each artifact is there once, and the engine never started an attempt
/// twice.
pub(crate) async fn all_is_there_once(stack: &Stack, client: &Client, run: &str, artifacts: usize) {
    for task in client.tasks(run).await {
        let attempts = task["attempts"].as_array().unwrap();
        let accepted = attempts.iter().filter(|attempt| attempt["end"]["outcome"] == "succeeded").count();
        assert_eq!(accepted, 1, "accepted attempts of {task:#}");
    }
    let found = client.artifacts(run).await;
    let unique: BTreeSet<_> = found.iter().collect();
    assert_eq!((found.len(), unique.len()), (artifacts, artifacts), "{found:?}");
    for (attempt, starts) in stack.containers.starts(run) {
        assert_eq!(starts, 1, "starts of {attempt}");
    }
    eventually("no container of the run is left", || async {
        stack.containers.of_run(run).is_empty().then_some(())
    })
    .await;
}

/// Numbers of attempts that tasks have, the largest.
pub(crate) async fn most_attempts(client: &Client, run: &str) -> usize {
    let count = |task: &Value| task["attempts"].as_array().map_or(0, Vec::len);
    client.tasks(run).await.iter().map(count).max().unwrap_or(0)
}
