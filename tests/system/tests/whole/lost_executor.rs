//! An executor that does not come back, and one that comes back too late or with nothing.

use reqwest::{Method, StatusCode};
use serde_json::Value;
use system_tests::{Cell, Client, Stack, eventually, on_cells, pair};

use crate::after::{all_is_there_once, attempt_is};

const TASK_MS: u64 = 4_000;

async fn started(stack: &Stack, client: &Client) -> String {
    let run = client.submit("lost", &pair(TASK_MS)).await;
    attempt_is(client, &run, "first", "running").await;
    assert!(stack.containers.running(&run).len() <= 1);
    run
}

/// Outcomes and executors of a task's attempts.
async fn attempts(client: &Client, run: &str, task: &str) -> Vec<(String, String)> {
    let task = client.get(&format!("/runs/{run}/tasks/{task}")).await;
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("open").to_owned();
    let attempts = task["attempts"].as_array().unwrap().iter();
    attempts.map(|attempt| (text(&attempt["end"]["outcome"]), text(&attempt["executor"]))).collect()
}

async fn given_to_another(client: &Client, run: &str) {
    eventually("the task is given to the other executor", || async {
        (attempts(client, run, "first").await.len() == 2).then_some(())
    })
    .await;
}

async fn a_lost_executors_task_goes_to_another_and_its_return_changes_nothing(cell: Cell) {
    let mut stack = Stack::start_changed(cell, |stack| {
        stack.scheduler.set("policy.suspect_after_ms", 1_500);
        stack.scheduler.set("policy.lost_after_ms", 3_000);
    })
    .await;
    let client = stack.client();
    let run = started(&stack, &client).await;
    stack.executor.kill().await;
    let mut other = stack.another_executor("exec-2");
    other.start().await;
    given_to_another(&client, &run).await;
    // The container of the lost attempt may run or have ended meanwhile; either way nobody takes its result.
    stack.executor.start().await;
    client.reaches(&run, "succeeded").await;
    let told = attempts(&client, &run, "first").await;
    let expected = [("lost", "exec-1"), ("succeeded", "exec-2")];
    assert_eq!(told, expected.map(|(outcome, executor)| (outcome.to_owned(), executor.to_owned())));
    all_is_there_once(&stack, &client, &run, 2).await;
}
on_cells!(a_lost_executors_task_goes_to_another_and_its_return_changes_nothing: SQLITE_DOCKER, MONGO_SIMULATED);

async fn a_task_is_repeated_when_its_executor_comes_back_with_an_empty_disk(cell: Cell) {
    let mut stack = Stack::start(cell).await;
    let client = stack.client();
    let run = started(&stack, &client).await;
    stack.executor.kill().await;
    stack.wipe_executor();
    stack.executor.start().await;
    client.reaches(&run, "succeeded").await;
    let outcomes: Vec<_> =
        attempts(&client, &run, "first").await.into_iter().map(|(outcome, _)| outcome).collect();
    assert_eq!(outcomes, ["lost", "succeeded"]);
    all_is_there_once(&stack, &client, &run, 2).await;
}
on_cells!(a_task_is_repeated_when_its_executor_comes_back_with_an_empty_disk: SQLITE_SIMULATED, MONGO_DOCKER);

async fn a_forgotten_executors_task_goes_to_another_at_once_and_its_return_changes_nothing(cell: Cell) {
    let mut stack = Stack::start_changed(cell, |stack| {
        // Nobody waits for this one.
        stack.scheduler.set("policy.lost_after_ms", 3_600_000);
    })
    .await;
    let client = stack.client();
    let run = started(&stack, &client).await;
    let mut other = stack.another_executor("exec-2");
    other.start().await;
    let (status, problem) = forget(&client).await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::CONFLICT, Some("executor.online")));
    stack.executor.kill().await;
    eventually("the silent executor may be forgotten", || async {
        let (status, forgotten) = forget(&client).await;
        (status == StatusCode::OK).then(|| assert_eq!(forgotten["lost_attempts"], 1, "{forgotten}"))
    })
    .await;
    eventually("it is off the list", || async { (listed(&client).await == ["exec-2"]).then_some(()) }).await;
    given_to_another(&client, &run).await;
    stack.executor.start().await;
    client.reaches(&run, "succeeded").await;
    let told = attempts(&client, &run, "first").await;
    assert_eq!(told[0], ("lost".to_owned(), "exec-1".to_owned()));
    assert_eq!(told[1].0, "succeeded");
    all_is_there_once(&stack, &client, &run, 2).await;
    eventually("it is listed again", || async { (listed(&client).await.len() == 2).then_some(()) }).await;
}
on_cells!(a_forgotten_executors_task_goes_to_another_at_once_and_its_return_changes_nothing: SQLITE_SIMULATED, MONGO_DOCKER);

async fn forget(client: &Client) -> (StatusCode, Value) {
    let answer = client.request_global(Method::POST, "/executors/exec-1/forget").send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn listed(client: &Client) -> Vec<String> {
    let answer = client.request_global(Method::GET, "/executors").send().await.unwrap();
    let page: Value = answer.json().await.unwrap();
    let names = page["items"].as_array().unwrap().iter();
    names.map(|executor| executor["executor"].as_str().unwrap().to_owned()).collect()
}
