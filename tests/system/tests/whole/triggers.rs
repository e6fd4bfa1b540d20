//! Runs that start by themselves, with a trigger service that has only the rights of its part and dies in between.

use std::collections::BTreeMap;

use async_nats::jetstream;
use async_nats::jetstream::stream::Config;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::{Cell, Client, FOLLOWED_STREAM, Stack, eventually, on_cells, one_task};

const MESSAGES: usize = 6;

/// The workflow `one` with an input and a trigger on the stream.
fn workflow() -> String {
    let subject = format!("{}.new", FOLLOWED_STREAM.to_lowercase());
    let on = format!(
        "inputs: {{ order: {{ type: string }} }}
on:
  nats: {{ name: orders, stream: {FOLLOWED_STREAM}, subject: {subject}, inputs: {{ order: '${{{{ event.data.order }}}}' }} }}
"
    );
    one_task() + &on
}

async fn put(client: &Client, path: &str, source: &str) {
    let answer = client.request(Method::PUT, path).json(&json!({ "source": source })).send().await.unwrap();
    let (status, said) = (answer.status(), answer.text().await.unwrap());
    assert_eq!(status, StatusCode::OK, "{said}");
}

/// The runs that the trigger has started, by the order in them.
async fn started(client: &Client) -> BTreeMap<String, Vec<String>> {
    let list = client.get("/runs?label=emboflow/trigger=orders&limit=100").await;
    let mut by_order: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for run in list["items"].as_array().unwrap() {
        let run: Value = client.run(run["id"].as_str().unwrap()).await.unwrap();
        let order = run["inputs"]["order"].as_str().unwrap().to_owned();
        by_order.entry(order).or_default().push(run["id"].as_str().unwrap().to_owned());
    }
    by_order
}

async fn each_message_of_a_stream_becomes_one_run_though_the_service_dies(cell: Cell) {
    let stack = Stack::start(cell).await;
    let client = stack.client();
    let jetstream = jetstream::new(stack.unlimited().await);
    let subject = format!("{}.new", FOLLOWED_STREAM.to_lowercase());
    let config = Config {
        name: FOLLOWED_STREAM.to_owned(),
        subjects: vec![format!("{}.>", FOLLOWED_STREAM.to_lowercase())],
        ..Config::default()
    };
    jetstream.create_stream(config).await.unwrap();
    put(&client, "/workflows/one", &workflow()).await;
    let mut trigger = stack.trigger_service();
    // Dies after its second request, before anything is noted of it.
    trigger.set("die_after_requests", 2);
    trigger.start().await;
    for order in 0..MESSAGES {
        let body = json!({ "order": format!("A-{order}") }).to_string();
        jetstream.publish(subject.clone(), body.into()).await.unwrap().await.unwrap();
    }
    trigger.ended().await;
    trigger.unset("die_after_requests");
    trigger.start().await;
    let runs = eventually("each message has its run", || async {
        let runs = started(&client).await;
        (runs.len() == MESSAGES).then_some(runs)
    })
    .await;
    for (order, of_order) in &runs {
        assert_eq!(of_order.len(), 1, "{order} has several runs: {of_order:?}");
        client.reaches(&of_order[0], "succeeded").await;
    }
    eventually("the history has all of them", || async {
        let history = client.get("/triggers/orders/history").await;
        let started =
            history["items"].as_array().unwrap().iter().filter(|start| start["result"] == "started");
        (started.count() == MESSAGES).then_some(())
    })
    .await;
}
on_cells!(each_message_of_a_stream_becomes_one_run_though_the_service_dies: SQLITE_SIMULATED, MONGO_DOCKER);
