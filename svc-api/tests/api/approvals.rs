//! What people decide: in whose name it is sent on, who may, and what waits.

use emboflow_model::approval::{Decision, Question};
use emboflow_model::workflow::OnTimeout;
use emboflow_model::{Change, LogEntry, RunState, TaskState, Timestamp};
use emboflow_protocol::request::Verb;
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::support::{History, Person, Scheduler, Script, World, answer};

async fn person(world: &World, name: &str, role: &str) -> Person {
    Person::new(world, name, json!({"bindings": [{"project": "default", "role": role}]})).await
}

#[tokio::test]
async fn an_operator_decides_in_their_own_name_and_nobody_says_who_decides() {
    let world = World::start().await;
    let scheduler = Scheduler::start(&world, Script::Accept).await;
    let (_, run) = world.submit("k", &json!({"source": "version: 1"})).await;
    let id = run["id"].as_str().unwrap();
    let path = format!("/api/v1/projects/default/runs/{id}/tasks/report/decision");
    let (anna, bert) = (person(&world, "anna", "operator").await, person(&world, "bert", "developer").await);
    let body = json!({"approve": true, "inputs": {"n": 1}, "comment": "fine"});

    let (status, problem) = answer(bert.request(&world, Method::POST, &path).json(&body)).await;
    assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!("auth.forbidden")), "{problem}");
    let (status, shown) = answer(anna.request(&world, Method::POST, &path).json(&body)).await;
    assert_eq!((status, &shown["id"]), (StatusCode::OK, &json!(id)), "{shown}");
    let forged = json!({"approve": true, "by": "user:root"});
    let (status, _) = answer(anna.request(&world, Method::POST, &path).json(&forged)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);

    let sent: Vec<_> = scheduler.got().into_iter().filter(|got| got.verb == Verb::Decide).collect();
    assert_eq!(sent.len(), 1, "what is refused goes nowhere");
    let expected = json!({"run": id, "task": "report", "approve": true, "inputs": {"n": 1}, "comment": "fine",
        "by": "user:anna"});
    assert_eq!(serde_json::from_slice::<Value>(&sent[0].body).unwrap(), expected);
    world.end().await;
}

#[tokio::test]
async fn what_waits_is_listed_until_it_is_decided() {
    let world = World::start().await;
    let mut history = History::new();
    let first = history.accept("default", "k", b"{}", &[("review", None), ("other", None)]);
    let (run, task) = (first.run, "review".parse::<emboflow_model::TaskKey>().unwrap());
    let question = Question {
        message: "Ship it?".to_owned(),
        inputs: Default::default(),
        ends_at: Some(Timestamp(5_000)),
        on_timeout: OnTimeout::Fail,
    };
    let asked = history.next(
        &first,
        vec![
            Change::Run { from: RunState::Queued, to: RunState::Running, reason: None },
            Change::ApprovalAsked { task: task.clone(), question: Box::new(question) },
        ],
    );
    let decision = Decision { approved: true, by: Some("user:anna".to_owned()), comment: None, at: asked.at };
    let (from, to) = (TaskState::Waiting, TaskState::Succeeded);
    let decided = history.next(
        &asked,
        vec![
            Change::ApprovalDecided { task: task.clone(), decision, values: Map::new() },
            Change::Task { task, from, to, reason: None, message: None, retry_at: None },
        ],
    );
    world.decide(vec![LogEntry::Transition(first), LogEntry::Transition(asked)]).await;
    world.project().await;
    let list = async || world.get("/api/v1/projects/default/approvals").await.1["items"].clone();
    let open = list().await;
    assert_eq!(open[0]["run"], json!(run), "{open}");
    assert_eq!((&open[0]["task"], &open[0]["message"]), (&json!("review"), &json!("Ship it?")));
    let runs = async || world.get("/api/v1/projects/default/runs?approval=waiting").await.1["items"].clone();
    assert_eq!(runs().await[0]["approvals"], json!(["review"]));

    world.decide(vec![LogEntry::Transition(decided)]).await;
    assert_eq!(list().await, json!([]), "as it is now, also before the documents are written");
    world.project().await;
    assert_eq!((list().await, runs().await), (json!([]), json!([])));
    world.end().await;
}
