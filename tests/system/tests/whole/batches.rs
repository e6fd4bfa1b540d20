//! Many requests in one message: each is decided for itself, once.

use std::collections::BTreeSet;

use async_nats::{Client, HeaderMap};
use futures::StreamExt;
use serde_json::{Value, json};
use system_tests::{Cell, DEADLINE, Stack, eventually, on_cells, one_task};

const GOOD: usize = 100;

/// A hundred requests for runs, one that repeats a key, one with another body under it, and two that are refused.
fn batch() -> Value {
    let mut requests: Vec<_> =
        (0..GOOD).map(|n| json!({"key": format!("b-{n}"), "body": {"source": one_task()}})).collect();
    requests.push(json!({"key": "b-0", "body": {"source": one_task()}}));
    requests.push(json!({"key": "b-1", "body": {"source": one_task(), "labels": {"other": "body"}}}));
    requests.push(json!({"key": "bad", "body": {"source": "version: 1\nname: x\ntasks: {}\n"}}));
    requests.push(json!({"key": "odd", "body": {"sauce": "x"}}));
    json!({"requests": requests})
}

/// Publishes the batch; its answers arrive where `reply_to` says.
async fn publish(nats: &Client, reply_to: &str, batch: &Value) {
    let mut headers = HeaderMap::new();
    headers.insert("Emboflow-Reply-To", reply_to);
    let body = serde_json::to_vec(batch).unwrap().into();
    let stored = async_nats::jetstream::new(nats.clone())
        .publish_with_headers("emboflow.request.default.batch", headers, body)
        .await
        .unwrap();
    assert_eq!(stored.await.unwrap().stream, "EMBOFLOW_INTAKE");
}

async fn a_batch_is_decided_request_by_request_though_the_scheduler_is_killed(cell: Cell) {
    let mut stack = Stack::start(cell).await;
    let (client, nats) = (stack.client(), stack.outsider().await);
    let reply_to = "emboflow.reply.default.outsider.batch";
    let mut answers = nats.subscribe(reply_to).await.unwrap();
    publish(&nats, reply_to, &batch()).await;
    eventually("a run of the batch is there", || async {
        (!client.get("/runs/counts").await["by_state"].as_object()?.is_empty()).then_some(())
    })
    .await;
    stack.scheduler.restart().await;

    publish(&nats, reply_to, &batch()).await;
    let last = async {
        loop {
            let frame = answers.next().await.unwrap();
            let answer: Value = serde_json::from_slice(&frame.payload).unwrap();
            assert_eq!(answer["status"], "answered", "{answer}");
            if answer["answers"][0]["repeated"] == true {
                return answer;
            }
        }
    };
    let answer = tokio::time::timeout(DEADLINE, last).await.expect("the answer to the repeated batch");
    let answers = answer["answers"].as_array().unwrap();
    let runs: BTreeSet<_> = answers[..GOOD].iter().map(|it| it["run_id"].as_str().unwrap()).collect();
    assert_eq!(runs.len(), GOOD);
    assert_eq!(answers[GOOD]["run_id"], answers[0]["run_id"]);
    let code = |n: usize| answers[n]["errors"][0]["code"].as_str().unwrap();
    assert_eq!(
        (code(GOOD + 1), code(GOOD + 2), code(GOOD + 3)),
        ("request.key_reused", "workflow.no_tasks", "request.malformed")
    );
    eventually("every run has succeeded, and there is no other", || async {
        let counts = client.get("/runs/counts").await;
        (counts["by_state"] == json!({"succeeded": GOOD})).then_some(())
    })
    .await;
}
on_cells!(
    a_batch_is_decided_request_by_request_though_the_scheduler_is_killed: SQLITE_SIMULATED, MONGO_SIMULATED
);

async fn a_batch_nobody_can_read_is_answered_and_kept_as_a_dead_letter(cell: Cell) {
    let stack = Stack::start(cell).await;
    let nats = stack.outsider().await;
    let mut dead = nats.subscribe("emboflow.dead.>").await.unwrap();
    let reply_to = "emboflow.reply.default.outsider.batch";
    let mut answers = nats.subscribe(reply_to).await.unwrap();
    for batch in [json!({"requests": []}), json!({"requests": [{"body": {}}]}), json!([1])] {
        publish(&nats, reply_to, &batch).await;
        let answer = tokio::time::timeout(DEADLINE, answers.next()).await.expect("an answer").unwrap();
        let answer: Value = serde_json::from_slice(&answer.payload).unwrap();
        assert_eq!(
            (&answer["status"], &answer["errors"][0]["code"]),
            (&json!("rejected"), &json!("request.malformed"))
        );
        tokio::time::timeout(DEADLINE, dead.next()).await.expect("a dead letter").unwrap();
    }
}
on_cells!(a_batch_nobody_can_read_is_answered_and_kept_as_a_dead_letter: SQLITE_SIMULATED);
