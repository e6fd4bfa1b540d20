//! A run whose time is over leaves with everything that belongs to it, and takes nothing else along.

use reqwest::{Method, StatusCode};
use serde_json::Value;
use system_tests::{Cell, Client, Stack, eventually, long_task, on_cells, one_task, task};

use crate::after::attempt_is;

async fn status(client: &Client, run: &str) -> StatusCode {
    client.try_get(&format!("/runs/{run}")).await.unwrap().status()
}

async fn is_gone(client: &Client, run: &str) {
    eventually(&format!("{run} is gone"), || async {
        (status(client, run).await == StatusCode::NOT_FOUND).then_some(())
    })
    .await;
}

async fn a_finished_run_leaves_with_its_objects_when_its_time_is_over(cell: Cell) {
    let mut stack = Stack::start(cell).await;
    let client = stack.client();
    let old = client.submit("old", &one_task()).await;
    client.reaches(&old, "succeeded").await;
    assert!(stack.objects_of(&old) > 0);
    let open = client.submit("open", &long_task()).await;
    attempt_is(&client, &open, "wait", "running").await;

    // The records go at once; the objects wait until somebody can remove them.
    stack.scheduler.kill().await;
    stack.scheduler.set("retention.finished_runs_days", 0);
    stack.scheduler.start().await;
    is_gone(&client, &old).await;
    eventually("its objects are gone", || async { (stack.objects_of(&old) == 0).then_some(()) }).await;
    let listed = client.get("/runs").await;
    let ids: Vec<_> = listed["items"].as_array().unwrap().iter().map(|run| run["id"].clone()).collect();
    assert_eq!(ids, [Value::from(open.as_str())]);

    // Its key is still known, so nothing is made of it again.
    let again = client.try_submit("old", &one_task()).await.unwrap();
    assert_eq!(again.status, StatusCode::NOT_FOUND, "{}", again.body);
    let retry = client.request(Method::POST, &format!("/runs/{old}/retry")).send().await.unwrap();
    assert_eq!(retry.status(), StatusCode::NOT_FOUND);

    // The log has gaps now, and everything goes on, also over a restart.
    stack.scheduler.restart().await;
    client.request(Method::POST, &format!("/runs/{open}/cancel")).send().await.unwrap();
    eventually("the open run is cancelled, and maybe gone", || async {
        let seen = client.try_get(&format!("/runs/{open}")).await.ok()?;
        let gone = seen.status() == StatusCode::NOT_FOUND;
        (gone || seen.json::<Value>().await.ok()?["state"] == "cancelled").then_some(())
    })
    .await;
}
on_cells!(a_finished_run_leaves_with_its_objects_when_its_time_is_over: SQLITE_SIMULATED, MONGO_SIMULATED);

async fn what_a_kept_run_took_over_is_kept_too(cell: Cell) {
    let mut stack = Stack::start(cell).await;
    let client = stack.client();
    let failed =
        client.submit("failed", &task("env: { SIMULATE: \"line=no exit=1\" }\nrun: echo no; exit 1")).await;
    client.reaches(&failed, "failed").await;
    let objects = stack.objects_of(&failed);
    assert!(objects > 0);
    let other = client.submit("other", &one_task()).await;
    client.reaches(&other, "succeeded").await;
    // The retry cannot end, so it is kept, and what it repeats with it.
    stack.executor.kill().await;
    let retry = client.request(Method::POST, &format!("/runs/{failed}/retry")).send().await.unwrap();
    assert!(retry.status().is_success(), "{}", retry.status());

    stack.scheduler.kill().await;
    stack.scheduler.set("retention.finished_runs_days", 0);
    stack.scheduler.start().await;
    is_gone(&client, &other).await;
    assert_eq!(status(&client, &failed).await, StatusCode::OK);
    assert_eq!(stack.objects_of(&failed), objects);
}
on_cells!(what_a_kept_run_took_over_is_kept_too: SQLITE_SIMULATED);
