//! Maintenance: what runs goes on to its end, nothing else is taken in or started, and all of it goes on afterwards.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::{Cell, Stack, eventually, on_cells, one_task, pair};

use crate::after::attempt_is;

async fn nothing_is_taken_in_or_started_until_it_is_over(cell: Cell) {
    let mut stack = Stack::start(cell).await;
    let client = stack.client();
    let open = client.submit("open", &pair(4_000)).await;
    let first = client.tasks(&open).await[0]["key"].as_str().unwrap().to_owned();
    attempt_is(&client, &open, &first, "running").await;

    let body = json!({ "reason": "new disks" });
    let begun = client.request_global(Method::PUT, "/maintenance").json(&body).send().await.unwrap();
    assert_eq!(begun.status(), StatusCode::OK, "{}", begun.text().await.unwrap());
    let refused = client
        .request(Method::POST, "/runs")
        .header("Idempotency-Key", "refused")
        .json(&json!({ "source": one_task() }))
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("retry-after"));
    let problem: Value = refused.json().await.unwrap();
    assert_eq!(problem["code"], "system.maintenance");
    assert!(problem["detail"].as_str().unwrap().contains("new disks"), "{problem:#}");

    // Over NATS it is taken by the stream, and nothing is made of it yet, also not by services that are started anew.
    let outsider = async_nats::jetstream::new(stack.outsider().await);
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Emboflow-Idempotency-Key", "waits");
    let request = json!({ "source": one_task() }).to_string();
    let stored = outsider.publish_with_headers("emboflow.request.default.submit", headers, request.into());
    stored.await.unwrap().await.unwrap();
    eventually("what ran has ended, and the next task says why it waits", || async {
        let tasks = client.tasks(&open).await;
        let ended = tasks.iter().any(|task| task["state"] == "succeeded");
        let waits = tasks.iter().any(|task| task["state"] == "queued");
        (ended && waits).then_some(())
    })
    .await;
    stack.scheduler.restart().await;
    stack.api.restart().await;
    stack.ready().await;
    let client = stack.client();
    let shown: Value =
        client.request_global(Method::GET, "/maintenance").send().await.unwrap().json().await.unwrap();
    assert_eq!(shown["maintenance"]["reason"], "new disks");
    assert!(client.tasks(&open).await.iter().any(|task| task["state"] == "queued"));

    let over = client.request_global(Method::DELETE, "/maintenance").send().await.unwrap();
    assert_eq!(over.status(), StatusCode::OK);
    client.reaches(&open, "succeeded").await;
    eventually("the request that waited has become a run that succeeded", || async {
        let runs = client.get("/runs").await;
        let mut runs = runs["items"].as_array().unwrap().iter();
        runs.any(|run| run["workflow"] == "one" && run["state"] == "succeeded").then_some(())
    })
    .await;
    let now = client.submit("refused", &one_task()).await;
    client.reaches(&now, "succeeded").await;
}
on_cells!(nothing_is_taken_in_or_started_until_it_is_over: SQLITE_SIMULATED);
