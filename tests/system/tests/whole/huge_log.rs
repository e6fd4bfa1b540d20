//! A task that says far more than anybody wants to hear harms only itself.

use futures::StreamExt;
use reqwest::StatusCode;
use serde_json::json;
use system_tests::{Cell, Client, Stack, on_cells, one_task, task};

use crate::after::{all_is_there_once, attempt_is};

const GIB: u64 = 1 << 30;
/// What is kept of a log unless the workflow file says otherwise.
const KEPT: u64 = 256 << 20;
/// Of the executor and of the API, while they carry and serve it.
const MEMORY_MAX: u64 = 200 << 20;

async fn a_gibibyte_of_log_is_cut_and_says_so_within_bounded_memory(cell: Cell) {
    let stack = Stack::start(cell).await;
    let client = stack.client();
    let chatty = format!("run: yes \"$(head -c 4095 /dev/zero | tr '\\0' x)\" | head -c {GIB}");
    let run = client.submit("chatty", &task(&chatty)).await;
    attempt_is(&client, &run, "t", "running").await;
    let other = client.submit("other", &one_task()).await;
    client.reaches(&other, "succeeded").await;
    all_is_there_once(&stack, &client, &other, 1).await;

    client.reaches(&run, "succeeded").await;
    let seal = &client.tasks(&run).await[0]["attempts"][0]["end"]["log"];
    assert_eq!(
        (&seal["size_bytes"], &seal["lines"], &seal["truncated"]),
        (&json!(KEPT), &json!(KEPT / 4096), &json!("log_limit")),
    );
    assert_eq!(read_through(&client, &run).await, KEPT);
    for service in [&stack.executor, &stack.api, &stack.gateway, &stack.scheduler] {
        let peak = service.peak_memory_bytes();
        assert!(peak < MEMORY_MAX, "{}: {} MiB", service.program(), peak >> 20);
    }
}
on_cells!(a_gibibyte_of_log_is_cut_and_says_so_within_bounded_memory: SQLITE_DOCKER);

/// Bytes of the log as a reader gets them, who is told that some are missing.
async fn read_through(client: &Client, run: &str) -> u64 {
    let answer = client.try_get(&format!("/runs/{run}/tasks/t/logs")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["emboflow-log-truncated"], "log_limit");
    let mut bytes = answer.bytes_stream();
    let mut read = 0;
    while let Some(piece) = bytes.next().await {
        read += piece.unwrap().len() as u64;
    }
    read
}
