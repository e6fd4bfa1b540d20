//! A part of a run is run once more, with another input, and the rest is taken over.

use reqwest::Method;
use serde_json::{Value, json};
use system_tests::{Cell, Client, Stack, on_cells, workflow_of};

/// `prepare` makes a file, `train` reads it and the rate.
fn tuning() -> String {
    workflow_of(
        "tuning",
        "inputs: { rate: { type: integer, default: 1 } }",
        "  prepare:
    env: { SIMULATE: \"line=prepared write=data.txt:data\" }
    run: |
      echo prepared
      printf data > data.txt
    outputs: { data: { path: data.txt } }
  train:
    inputs: { data: \"${{ tasks.prepare.outputs.data }}\" }
    env: { RATE: \"${{ inputs.rate }}\", SIMULATE: \"line=rate-${{ inputs.rate }}\" }
    run: echo rate-$RATE
",
    )
}

async fn rerun(client: &Client, run: &str, body: Value) -> Value {
    let answer =
        client.request(Method::POST, &format!("/runs/{run}/retry")).json(&body).send().await.unwrap();
    let status = answer.status();
    let made: Value = answer.json().await.unwrap();
    assert!(status.is_success(), "{made}");
    made
}

async fn task(client: &Client, run: &str, key: &str) -> Value {
    client.get(&format!("/runs/{run}/tasks/{key}")).await
}

async fn only_what_reads_a_changed_input_runs_again(cell: Cell) {
    let stack = Stack::start(cell).await;
    let client = stack.client();
    let first = client.submit("tuning", &tuning()).await;
    client.reaches(&first, "succeeded").await;
    let made = rerun(&client, &first, json!({ "inputs": { "rate": 7 } })).await;
    let second = made["id"].as_str().unwrap();
    client.reaches(second, "succeeded").await;
    assert_eq!(client.text(&format!("/runs/{second}/tasks/train/logs")).await, "rate-7\n");
    let prepare = task(&client, second, "prepare").await;
    assert_eq!((&prepare["state"], &prepare["attempts"]), (&json!("cached"), &json!([])));
    assert_eq!(prepare["taken_over_from"], json!(first));
    assert_eq!(client.text(&format!("/runs/{second}/artifacts/prepare/data/data.txt")).await, "data");

    // Of what was taken over once, the origin stays.
    let made = rerun(&client, second, json!({ "tasks": ["train"] })).await;
    let third = made["id"].as_str().unwrap();
    client.reaches(third, "succeeded").await;
    assert_eq!(made["inputs"]["rate"], 7, "an input that is not given stays");
    assert_eq!(task(&client, third, "prepare").await["taken_over_from"], json!(first));
    assert_eq!(client.text(&format!("/runs/{third}/tasks/train/logs")).await, "rate-7\n");
}
on_cells!(only_what_reads_a_changed_input_runs_again: SQLITE_DOCKER, MONGO_SIMULATED);
