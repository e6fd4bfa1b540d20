//! Gangs and graphics processors through the whole system: file, scheduler, executor, container.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;
use system_tests::{Cell, Client, Stack, eventually, on_cells, task};

use crate::after::attempt_is;

/// The tasks of a run with their states, in order.
async fn states(client: &Client, run: &str) -> Vec<String> {
    let tasks = client.tasks(run).await;
    tasks.iter().map(|task| task["state"].as_str().unwrap().to_owned()).collect()
}

/// What is known of a task's attempts.
async fn attempts(client: &Client, run: &str, task: &str) -> Vec<Value> {
    client.get(&format!("/runs/{run}/tasks/{task}")).await["attempts"].as_array().unwrap().clone()
}

async fn a_gang_waits_for_room_for_all_and_falls_and_rises_together(cell: Cell) {
    let mut stack = Stack::start_changed(cell, |stack| {
        stack.executor.set("capacity.cpu_millis", 1_000);
    })
    .await;
    let client = stack.client();
    let gang = task(
        "replicas: 3\ngang: true\nresources: { cpu: 500m, memory: 16Mi }\nretry: { attempts: 2, delay: 100ms }\nenv: { SIMULATE: \"ms=600000\" }\nrun: |\n  test \"$EMBOFLOW_REPLICAS\" = 3\n  sleep 600",
    );
    let run = client.submit("gang", &gang).await;
    eventually("the gang says why it waits", || async {
        let tasks = client.tasks(&run).await;
        let said = tasks.iter().all(|task| {
            task["state"] == "queued"
                && task["wait_reason"].as_str().is_some_and(|why| why.contains("3 start together"))
        });
        said.then_some(())
    })
    .await;
    let mut other = stack.another_executor("exec-2");
    other.start().await;
    for index in 0..3 {
        attempt_is(&client, &run, &format!("t[{index}]"), "running").await;
    }
    let mut executors = BTreeSet::new();
    for index in 0..3 {
        let attempt = attempts(&client, &run, &format!("t[{index}]")).await.remove(0);
        executors.insert(attempt["executor"].as_str().unwrap().to_owned());
    }
    assert_eq!(executors.len(), 2, "no executor has room for all");

    // An executor that comes back with nothing has lost its members; the others are stopped, and all start again.
    stack.executor.kill().await;
    stack.wipe_executor();
    stack.executor.start().await;
    for index in 0..3 {
        let member = format!("t[{index}]");
        eventually("the second round begins", || async {
            (attempts(&client, &run, &member).await.len() == 2).then_some(())
        })
        .await;
    }
    let mut outcomes = Vec::new();
    for index in 0..3 {
        let first = attempts(&client, &run, &format!("t[{index}]")).await.remove(0);
        outcomes.push(first["end"]["outcome"].as_str().unwrap().to_owned());
    }
    outcomes.sort();
    assert!(outcomes.iter().all(|outcome| matches!(outcome.as_str(), "lost" | "cancelled")), "{outcomes:?}");
    assert!(
        outcomes.contains(&"lost".to_owned()) && outcomes.contains(&"cancelled".to_owned()),
        "{outcomes:?}"
    );
    client.request(Method::POST, &format!("/runs/{run}/cancel")).send().await.unwrap();
    client.reaches(&run, "cancelled").await;
}
on_cells!(a_gang_waits_for_room_for_all_and_falls_and_rises_together: SQLITE_SIMULATED, MONGO_SIMULATED);

async fn each_task_gets_a_graphics_processor_of_its_own(cell: Cell) {
    let stack = Stack::start_changed(cell, |stack| {
        stack
            .executor
            .set("devices", "GPU-a=NVIDIA A100-SXM4-80GB, GPU-b=NVIDIA A100-SXM4-80GB, GPU-c=Tesla T4");
    })
    .await;
    let client = stack.client();
    let wants = "matrix: { i: [1, 2, 3] }\nresources: { cpu: 100m, memory: 16Mi, gpu: { model: a100 } }\nenv: { SIMULATE: \"devices ms=600000\" }";
    let run = client.submit("gpu", &task(wants)).await;
    eventually("two of three run, each with a device of its own", || async {
        let mut states = states(&client, &run).await;
        states.sort();
        (states == ["active", "active", "queued"]).then_some(())
    })
    .await;
    let mut given = BTreeSet::new();
    for index in 0..3 {
        for attempt in attempts(&client, &run, &format!("t[{index}]")).await {
            given.extend(
                attempt["devices"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()),
            );
        }
    }
    assert_eq!(given.into_iter().collect::<Vec<_>>(), ["GPU-a", "GPU-b"]);
    client.request(Method::POST, &format!("/runs/{run}/cancel")).send().await.unwrap();
    client.reaches(&run, "cancelled").await;

    let other = "resources: { cpu: 100m, memory: 16Mi, gpu: 3 }\nenv: { SIMULATE: \"devices\" }";
    let all = client.submit("all", &task(other)).await;
    client.reaches(&all, "succeeded").await;
    let log = client.text(&format!("/runs/{all}/tasks/t/logs")).await;
    assert_eq!(log.trim(), "GPU-a,GPU-b,GPU-c", "the container is told which it has");
}
on_cells!(each_task_gets_a_graphics_processor_of_its_own: SQLITE_SIMULATED);
