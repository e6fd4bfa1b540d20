//! Lists that are found at run time.

use serde_json::{Value, json};
use system_tests::{Cell, Client, Stack, found, on_cells};

use crate::after::all_is_there_once;

async fn keys(client: &Client, run: &str) -> Vec<String> {
    client.tasks(run).await.iter().map(|task| task["key"].as_str().unwrap().to_owned()).collect()
}

async fn a_list_found_at_run_time_becomes_tasks_and_is_joined_again(cell: Cell) {
    let stack = Stack::start(cell).await;
    let client = stack.client();
    let run = client.submit("found-1", &found("[\"a\",\"b\",\"c\"]")).await;
    let ended = client.reaches(&run, "succeeded").await;
    assert_eq!(ended["tasks"]["total"], 5);
    assert_eq!(keys(&client, &run).await, ["split", "work[0]", "work[1]", "work[2]", "join"]);
    let tasks = client.tasks(&run).await;
    assert_eq!(tasks[0]["values"], json!({ "parts": ["a", "b", "c"] }));
    for (task, said) in tasks.iter().zip(["split", "a", "b", "c", "3"]) {
        let path = format!("/runs/{run}/tasks/{}/logs", task["key"].as_str().unwrap());
        assert_eq!(client.text(&path).await, format!("{said}\n"));
    }
    all_is_there_once(&stack, &client, &run, 5).await;
    let gone = client.try_get(&format!("/runs/{run}/tasks/work")).await.unwrap();
    assert_eq!(gone.status(), 404, "what stood for the fan-out is no task any more");

    let run = client.submit("found-2", &found("[]")).await;
    let ended = client.reaches(&run, "succeeded").await;
    assert_eq!(ended["tasks"]["total"], 2);
    assert_eq!(keys(&client, &run).await, ["split", "join"]);

    let run = client.submit("found-3", &found("[1,")).await;
    let failed = client.reaches(&run, "failed").await;
    assert!(failed["reason"].as_str().unwrap().contains("no JSON"), "{failed:#}");
    let states: Vec<Value> = client.tasks(&run).await.iter().map(|task| task["state"].clone()).collect();
    assert_eq!(states, ["failed", "upstream_failed", "upstream_failed"]);
}
on_cells!(a_list_found_at_run_time_becomes_tasks_and_is_joined_again);
