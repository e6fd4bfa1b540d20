//! Nothing goes wrong.

use serde_json::Value;
use system_tests::{Cell, Stack, fan_out, on_cells};

use crate::after::all_is_there_once;

async fn a_fan_out_succeeds_with_logs_and_artifacts_readable(cell: Cell) {
    let stack = Stack::start(cell).await;
    let client = stack.client();
    let run = client.submit("fan-1", &fan_out()).await;
    let ended = client.reaches(&run, "succeeded").await;
    assert_eq!(ended["tasks"]["total"], 5);

    let tasks = client.tasks(&run).await;
    let keys: Vec<_> = tasks.iter().map(|task| task["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["start", "work[0]", "work[1]", "work[2]", "join"]);
    let logs = ["start", "a", "b", "c", "joined"];
    for (key, said) in keys.iter().zip(logs) {
        let path = format!("/runs/{run}/tasks/{key}/logs");
        assert_eq!(client.text(&path).await, format!("{said}\n"), "{key}");
    }
    let texts = ["start", "a", "b", "c", "abc"];
    for (key, text) in keys.iter().zip(texts) {
        let path = format!("/runs/{run}/artifacts/{key}/out/out.txt");
        assert_eq!(client.text(&path).await, text, "{key}");
    }
    all_is_there_once(&stack, &client, &run, 5).await;

    let listed = client.get("/runs?state=succeeded&workflow=fan").await;
    let ids: Vec<_> = listed["items"].as_array().unwrap().iter().map(|run| run["id"].clone()).collect();
    assert_eq!(ids, [Value::from(run)]);
}
on_cells!(a_fan_out_succeeds_with_logs_and_artifacts_readable);
