//! What has to be true of a run that succeeded, whatever happened on the way.

use std::collections::BTreeSet;

use serde_json::Value;
use system_tests::{Client, Stack, eventually};

/// Each task has exactly one accepted attempt, each artifact is there once, and the engine started each attempt that
/// ran exactly once.
pub(crate) async fn all_is_there_once(stack: &Stack, client: &Client, run: &str, artifacts: usize) {
    let tasks = client.tasks(run).await;
    for task in &tasks {
        let attempts = task["attempts"].as_array().unwrap();
        let accepted = attempts.iter().filter(|attempt| attempt["end"]["outcome"] == "succeeded").count();
        assert_eq!(accepted, 1, "accepted attempts of {task:#}");
    }
    let found = client.artifacts(run).await;
    let unique: BTreeSet<_> = found.iter().collect();
    assert_eq!((found.len(), unique.len()), (artifacts, artifacts), "{found:?}");
    if stack.containers.are_real() {
        each_was_started_once(stack, run, &tasks).await;
    }
    eventually("no container of the run is left", || async {
        stack.containers.of_run(run).is_empty().then_some(())
    })
    .await;
}

async fn each_was_started_once(stack: &Stack, run: &str, tasks: &[Value]) {
    let mut ran = Vec::new();
    for task in tasks {
        let attempts = task["attempts"].as_array().unwrap().iter();
        let ran_here = attempts.filter(|attempt| attempt["times"]["started_at"].is_string());
        ran.extend(
            ran_here.map(|attempt| format!("{} {}", task["key"].as_str().unwrap(), attempt["number"])),
        );
    }
    assert!(!ran.is_empty(), "a run without a container");
    let starts = eventually("the engine has told of the start of each attempt", || async {
        let starts = stack.containers.starts(run);
        ran.iter().all(|attempt| starts.contains_key(attempt)).then_some(starts)
    });
    for (attempt, starts) in starts.await {
        assert_eq!(starts, 1, "starts of {attempt}");
    }
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
