//! What a new run would repeat of an earlier one.

use emboflow_model::{Change, LogEntry, Transition};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{History, World, answer, attempt_end};

const SOURCE: &str = "version: 1\nname: digits\ninputs: { rate: { type: integer, default: 1 } }\ndefaults: { image: tool:1 }\ntasks:\n  \
                      prepare: { command: [prepare] }\n  train: { command: [train, '${{ inputs.rate }}'] }\n";

/// A run of the file that is open: `prepare` has ended well.
fn open_run(history: &mut History) -> Vec<Transition> {
    let mut accepted = history.accept("default", "k", b"{}", &[("prepare", None), ("train", None)]);
    let Some(Change::Accepted(what)) = accepted.changes.first_mut() else { panic!("no acceptance") };
    what.source = SOURCE.into();
    what.inputs = json!({ "rate": 1 }).as_object().unwrap().clone();
    let started = history.dispatch(&accepted, "prepare");
    let mut ended = history.succeed(&started, "prepare", attempt_end(None, Vec::new()));
    ended.changes.pop();
    vec![accepted, started, ended]
}

#[tokio::test]
async fn a_preview_tells_what_would_be_repeated_and_why_or_what_is_wrong() {
    let world = World::start().await;
    let run = open_run(&mut History::new());
    let path = format!("/api/v1/projects/default/runs/{}/retry/preview", run[0].run);
    world.decide(run.into_iter().map(LogEntry::Transition).collect()).await;
    world.project().await;
    let ask = async |body: Value| answer(world.request(Method::POST, &path).json(&body)).await;

    let (status, told) = ask(json!({ "inputs": { "rate": 2 } })).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    let specs = json!([
        { "name": "prepare", "tasks": 1, "taken_over": 1 },
        { "name": "train", "tasks": 1, "taken_over": 0, "why": "inputs", "inputs": ["rate"] },
    ]);
    assert_eq!((&told["specs"], &told["changed"]), (&specs, &json!(["rate"])));
    assert_eq!(told["inputs"], json!({ "rate": 2 }));
    let (_, told) = ask(json!({ "tasks": ["prepare"] })).await;
    assert_eq!((&told["specs"][0]["why"], &told["specs"][1]["why"]), (&json!("named"), &json!("not_ended")));

    let (status, open) = ask(json!({})).await;
    assert_eq!((status, &open["code"]), (StatusCode::CONFLICT, &json!("run.state_conflict")));
    let (_, wrong) = ask(json!({ "inputs": { "rate": "high" } })).await;
    assert_eq!(wrong["errors"][0]["pointer"], "/inputs/rate");
    let (status, unknown) = ask(json!({ "tasks": ["report"] })).await;
    assert_eq!((status, &unknown["code"]), (StatusCode::NOT_FOUND, &json!("task.not_found")));
    world.end().await;
}
