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

/// No task needed a second attempt: nothing that was under way got lost.
pub(crate) async fn nothing_was_repeated(client: &Client, run: &str) {
    for task in client.tasks(run).await {
        assert_eq!(task["attempts"].as_array().unwrap().len(), 1, "{task:#}");
    }
}

/// Waits until an attempt of the task is in this state.
pub(crate) async fn attempt_is(client: &Client, run: &str, task: &str, state: &str) {
    eventually(&format!("an attempt of {task} is {state}"), || async {
        let answer = client.try_get(&format!("/runs/{run}/tasks/{task}")).await.ok()?;
        let task: Value = answer.json().await.ok()?;
        task["attempts"].as_array()?.iter().any(|attempt| attempt["state"] == state).then_some(())
    })
    .await;
}
