//! Executors are drained by an operator: nothing is lost, nothing is repeated, and a deadline moves what is left.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::{Cell, Client, Service, Stack, eventually, on_cells, task};

use crate::after::attempt_is;

async fn drain(client: &Client, executor: &str, drain: Value) {
    let body = json!({ "reason": "new disks", "drain": drain });
    let path = format!("/executors/{executor}/cordon");
    let answer = client.request_global(Method::PUT, &path).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
}

async fn uncordon(client: &Client, executor: &str) {
    let path = format!("/executors/{executor}/cordon");
    let answer = client.request_global(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
}

async fn seen(client: &Client, executor: &str) -> Option<Value> {
    let answer = client.request_global(Method::GET, "/executors").send().await.unwrap();
    let page: Value = answer.json().await.unwrap();
    page["items"].as_array().unwrap().iter().find(|view| view["executor"] == executor).cloned()
}

async fn is_online(client: &Client, executor: &str) {
    eventually("the executor is online", || async {
        seen(client, executor).await.is_some_and(|view| view["online"] == true).then_some(())
    })
    .await;
}

/// Executors and outcomes of all attempts of a run.
async fn attempts(client: &Client, run: &str) -> Vec<(String, String)> {
    let tasks = client.tasks(run).await;
    let all = tasks.iter().flat_map(|task| task["attempts"].as_array().unwrap());
    let text = |value: &Value| value.as_str().unwrap_or("open").to_owned();
    all.map(|attempt| (text(&attempt["executor"]), text(&attempt["end"]["outcome"]))).collect()
}

async fn restart_drained(client: &Client, executor: &str, service: &mut Service) {
    drain(client, executor, json!({})).await;
    eventually("the executor is drained", || async {
        let view = seen(client, executor).await?;
        (view["cordon"]["drained"] == true).then_some(())
    })
    .await;
    // While its machine is away, the other one does the work.
    let run = client.submit(&format!("without-{executor}"), &task("env: { SIMULATE: \"ms=10\" }")).await;
    service.restart().await;
    client.reaches(&run, "succeeded").await;
    let told = attempts(client, &run).await;
    assert!(told.len() == 1 && told[0].0 != executor, "{told:?}");
    uncordon(client, executor).await;
    is_online(client, executor).await;
}

async fn executors_are_restarted_one_after_the_other_and_no_task_is_lost_or_repeated(cell: Cell) {
    let mut stack = Stack::start(cell).await;
    let client = stack.client();
    let mut other = stack.another_executor("exec-2");
    other.start().await;
    is_online(&client, "exec-2").await;
    let many = "matrix: { i: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] }\nresources: { cpu: 500m, memory: 16Mi }\nenv: { SIMULATE: \"ms=700\" }";
    let first = client.submit("first", &task(many)).await;
    restart_drained(&client, "exec-1", &mut stack.executor).await;
    let second = client.submit("second", &task(many)).await;
    restart_drained(&client, "exec-2", &mut other).await;
    for run in [first, second] {
        client.reaches(&run, "succeeded").await;
        let told = attempts(&client, &run).await;
        assert_eq!(told.len(), 12, "each task has one attempt: {told:?}");
        assert!(told.iter().all(|(_, outcome)| outcome == "succeeded"), "{told:?}");
    }
}
on_cells!(executors_are_restarted_one_after_the_other_and_no_task_is_lost_or_repeated: SQLITE_SIMULATED);

async fn what_still_runs_at_the_deadline_goes_to_another_executor_for_free(cell: Cell) {
    let mut stack = Stack::start(cell).await;
    let client = stack.client();
    let run = client.submit("long", &task("env: { SIMULATE: \"ms=600000\" }")).await;
    attempt_is(&client, &run, "t", "running").await;
    drain(&client, "exec-1", json!({ "deadline_ms": 1_000 })).await;
    // Whoever decides next keeps to it.
    stack.scheduler.restart().await;
    stack.ready().await;
    let mut other = stack.another_executor("exec-2");
    other.start().await;
    let told = eventually("the task runs on the other executor", || async {
        let told = attempts(&client, &run).await;
        (told.len() == 2).then_some(told)
    })
    .await;
    assert_eq!(told[0], ("exec-1".to_owned(), "preempted".to_owned()));
    assert_eq!(told[1].0, "exec-2", "the file allows no retry, and none was used up");
    let first = client.tasks(&run).await[0]["attempts"][0]["end"].clone();
    assert_eq!((&first["cause"], &first["reason"]), (&json!("policy"), &json!("drained")));
    client.request(Method::POST, &format!("/runs/{run}/cancel")).send().await.unwrap();
    client.reaches(&run, "cancelled").await;
}
on_cells!(what_still_runs_at_the_deadline_goes_to_another_executor_for_free: SQLITE_SIMULATED);
