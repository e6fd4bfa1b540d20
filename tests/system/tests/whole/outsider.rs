//! A system that has nothing but a NATS client.

use async_nats::{Client, HeaderMap};
use futures::StreamExt;
use serde_json::{Value, json};
use system_tests::{Cell, DEADLINE, Stack, fan_out, on_cells};

use crate::after::all_is_there_once;

/// Publishes a request and waits for its answer.
pub(crate) async fn ask(nats: &Client, subject: &str, key: &str, body: &Value) -> Value {
    let reply_to = format!("emboflow.reply.default.outsider.{key}");
    let mut answers = nats.subscribe(reply_to.clone()).await.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("Emboflow-Idempotency-Key", key);
    headers.insert("Emboflow-Reply-To", reply_to.as_str());
    let stored = async_nats::jetstream::new(nats.clone())
        .publish_with_headers(subject.to_owned(), headers, serde_json::to_vec(body).unwrap().into())
        .await
        .unwrap();
    assert_eq!(stored.await.unwrap().stream, "EMBOFLOW_INTAKE");
    let answer = tokio::time::timeout(DEADLINE, answers.next()).await.expect("an answer").unwrap();
    serde_json::from_slice(&answer.payload).unwrap()
}

async fn an_outsider_submits_over_nats_and_follows_the_events_to_the_end(cell: Cell) {
    let stack = Stack::start(cell).await;
    let nats = stack.outsider().await;
    let mut events = nats.subscribe("emboflow.event.default.>").await.unwrap();
    let body = json!({ "source": fan_out(), "labels": { "from": "outside" } });
    let answer = ask(&nats, "emboflow.request.default.submit", "n-1", &body).await;
    assert_eq!(answer["status"], "accepted", "{answer}");
    let run = answer["run_id"].as_str().unwrap().to_owned();

    let mut states = Vec::new();
    let to_the_end = async {
        loop {
            let message = events.next().await.unwrap();
            assert_eq!(message.subject.as_str(), format!("emboflow.event.default.{run}"));
            let event: Value = serde_json::from_slice(&message.payload).unwrap();
            assert_eq!((&event["specversion"], &event["subject"]), (&json!("1.0"), &json!(run)));
            let state = event["data"]["run"]["state"].as_str().unwrap().to_owned();
            if states.last() != Some(&state) {
                states.push(state.clone());
            }
            if state == "succeeded" {
                return event;
            }
        }
    };
    let last = tokio::time::timeout(DEADLINE, to_the_end).await.expect("the end of the run");
    // The first decision may both accept the run and start it.
    assert!(["queued", "running"].contains(&states[0].as_str()), "{states:?}");
    assert_eq!(states[states.len() - 2..], ["running", "succeeded"], "{states:?}");
    assert_eq!(last["data"]["run"]["labels"]["from"], "outside");
    all_is_there_once(&stack, &stack.client(), &run, 5).await;

    let again = ask(&nats, "emboflow.request.default.submit", "n-1", &body).await;
    assert_eq!((&again["run_id"], &again["repeated"]), (&json!(run), &json!(true)));
}
on_cells!(an_outsider_submits_over_nats_and_follows_the_events_to_the_end);

async fn an_outsider_is_told_why_a_request_is_rejected(cell: Cell) {
    let stack = Stack::start(cell).await;
    let nats = stack.outsider().await;
    let submit = "emboflow.request.default.submit";
    let cases = [
        (submit, json!({ "source": "version: 1\nname: x\ntasks: {}\n" }), "workflow.no_tasks"),
        (submit, json!({ "source": fan_out().replace("image:", "imag:") }), "workflow.unknown_field"),
        (submit, json!({ "sauce": "x" }), "request.malformed"),
        (submit, json!({ "workflow": "nobody-applied-it" }), "workflow.not_found"),
        ("emboflow.request.default.sumbit", json!({ "source": fan_out() }), "request.subject"),
        (
            "emboflow.request.default.cancel",
            json!({ "run": "run-01jd8v7m2kq3x5w9c0hn4tz6ap" }),
            "run.not_found",
        ),
    ];
    for (number, (subject, body, code)) in cases.into_iter().enumerate() {
        let answer = ask(&nats, subject, &format!("bad-{number}"), &body).await;
        assert_eq!(answer["status"], "rejected", "{code}: {answer}");
        assert_eq!(answer["errors"][0]["code"], code, "{answer}");
        assert!(!answer["errors"][0]["message"].as_str().unwrap().is_empty());
    }
}
on_cells!(an_outsider_is_told_why_a_request_is_rejected: SQLITE_SIMULATED, MONGO_SIMULATED);
