//! A request becomes exactly one run or one visible rejection.

use std::collections::BTreeSet;

use futures::StreamExt;
use futures::stream;
use reqwest::StatusCode;
use serde_json::Value;
use system_tests::{Cell, Client, Stack, eventually, on_cells, one_task};

use crate::after::all_is_there_once;

async fn the_same_key_and_body_are_the_same_run(cell: Cell) {
    let stack = Stack::start(cell).await;
    let client = stack.client();
    let first = client.try_submit("key-1", &one_task()).await.unwrap();
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.body);
    let again = client.try_submit("key-1", &one_task()).await.unwrap();
    assert_eq!((again.status, &again.body["id"]), (StatusCode::OK, &first.body["id"]));

    let other = client.try_submit("key-1", &one_task().replace("noted", "other")).await.unwrap();
    assert_eq!(
        (other.status, &other.body["code"]),
        (StatusCode::CONFLICT, &Value::from("request.key_reused"))
    );

    let broken = "version: 1\nname: loop\ntasks:\n  a: { image: i, command: [x], needs: [b] }\n  \
        b: { image: i, command: [x], needs: [a] }\n";
    for _ in 0..2 {
        let refused = client.try_submit("key-2", broken).await.unwrap();
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(refused.body["errors"][0]["code"], "workflow.cycle", "{}", refused.body);
        assert!(refused.body["errors"][0]["line"].is_u64(), "{}", refused.body);
    }
    let run = first.body["id"].as_str().unwrap();
    client.reaches(run, "succeeded").await;
    all_is_there_once(&stack, &client, run, 1).await;
    assert_eq!(listed(&client).await, BTreeSet::from([run.to_owned()]));
}
on_cells!(the_same_key_and_body_are_the_same_run: SQLITE_SIMULATED, MONGO_SIMULATED);

async fn two_hundred_submits_are_two_hundred_runs_though_the_scheduler_is_killed_twice(cell: Cell) {
    let mut stack = Stack::start(cell).await;
    let client = stack.client();
    let source = one_task();
    let submits = stream::iter(0..200).map(|number| {
        let (client, source) = (&client, &source);
        async move { client.submit(&format!("many-{number}"), source).await }
    });
    let submitting = submits.buffer_unordered(20).collect::<Vec<_>>();
    let killing = async {
        for enough in [30, 100] {
            eventually("runs are accepted", || async {
                (listed(&client).await.len() >= enough).then_some(())
            })
            .await;
            stack.scheduler.restart().await;
        }
    };
    let (accepted, ()) = tokio::join!(submitting, killing);
    let accepted: BTreeSet<_> = accepted.into_iter().collect();
    assert_eq!(accepted.len(), 200);
    eventually("every run has succeeded", || async {
        let counts = client.get("/runs/counts").await;
        (counts["by_state"]["succeeded"] == 200).then_some(())
    })
    .await;
    assert_eq!(listed(&client).await, accepted);
}
on_cells!(two_hundred_submits_are_two_hundred_runs_though_the_scheduler_is_killed_twice: SQLITE_SIMULATED, MONGO_SIMULATED);

async fn without_nats_the_api_says_when_to_come_back_and_still_reads(cell: Cell) {
    let mut stack = Stack::start(cell).await;
    let client = stack.client();
    let run = client.submit("before", &one_task()).await;
    client.reaches(&run, "succeeded").await;
    stack.nats.kill();
    let refused = client.try_submit("during", &one_task()).await.unwrap();
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{}", refused.body);
    assert_eq!(refused.body["code"], "bus.unavailable");
    let seconds: u64 = refused.retry_after.expect("Retry-After").parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    client.reaches(&run, "succeeded").await;
    assert_eq!(client.text(&format!("/runs/{run}/tasks/note/logs")).await, "hello\n");

    stack.nats.restart().await;
    let run = client.submit("during", &one_task()).await;
    client.reaches(&run, "succeeded").await;
    assert_eq!(listed(&client).await.len(), 2);
}
on_cells!(without_nats_the_api_says_when_to_come_back_and_still_reads: SQLITE_SIMULATED);

/// Ids of all runs, page by page.
async fn listed(client: &Client) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("/runs?limit=500{cursor}")).await;
        for run in page["items"].as_array().unwrap() {
            assert!(found.insert(run["id"].as_str().unwrap().to_owned()), "{run} is listed twice");
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}
