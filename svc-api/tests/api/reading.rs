//! Lists and single things, as the records know them.

use emboflow_model::access::{self as rights, Needs, needs_of_route};
use emboflow_model::{LogEntry, Timestamp};
use emboflow_protocol::call::{Explain, Explanation, TaskWait};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{History, World, answer, until};

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn runs_are_filtered_sorted_and_paged_by_the_server() {
    let world = World::start().await;
    let mut history = History::new();
    let first: Vec<_> =
        (0..5).map(|n| history.accept("default", &format!("k{n}"), b"{}", &[("train", None)])).collect();
    let foreign = history.accept("lab", "k", b"{}", &[("train", None)]);
    let running = history.dispatch(&first[2], "train");
    world.decide(first.iter().chain([&foreign, &running]).cloned().map(LogEntry::Transition).collect()).await;
    world.project().await;
    let of = |n: usize| first[n].run.to_string();

    let (_, page) = world.get("/api/v1/projects/default/runs?limit=3").await;
    assert_eq!(ids(&page), [of(4), of(3), of(2)]);
    let next = page["next"].as_str().unwrap();
    let (_, page) = world.get(&format!("/api/v1/projects/default/runs?limit=3&cursor={next}")).await;
    assert_eq!((ids(&page), &page["next"]), (vec![of(1), of(0)], &Value::Null));
    let (_, page) =
        world.get("/api/v1/projects/default/runs?state=running&sort=created&label=team%3Dvision").await;
    assert_eq!(ids(&page), [of(2)]);
    assert_eq!(page["items"][0]["tasks"], json!({"total": 1, "by_state": {"active": 1}}));
    let (_, counts) = world.get("/api/v1/projects/default/runs/counts").await;
    assert_eq!(counts["by_state"], json!({"queued": 4, "running": 1}));
    let (status, _) = world.get(&format!("/api/v1/projects/default/runs/{}", foreign.run)).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "a run of another project");
    world.end().await;
}

#[tokio::test]
async fn a_run_and_its_tasks_are_read_as_they_are_now_not_as_they_were_projected() {
    let world = World::start().await;
    let mut history = History::new();
    let accepted = history.accept("default", "k", b"{}", &[("train", Some(3)), ("report", None)]);
    world.decide(vec![LogEntry::Transition(accepted.clone())]).await;
    world.project().await;
    let dispatched = history.dispatch(&accepted, "train[1]");
    world.decide(vec![LogEntry::Transition(dispatched.clone())]).await;

    let run = format!("/api/v1/projects/default/runs/{}", accepted.run);
    let (_, shown) = world.get(&run).await;
    assert_eq!((shown["state"].as_str(), shown["version"].as_u64()), (Some("running"), Some(2)));
    let (_, page) = world.get(&format!("{run}/tasks?limit=2")).await;
    let keys: Vec<_> =
        page["items"].as_array().unwrap().iter().map(|task| task["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["train[0]", "train[1]"]);
    assert_eq!(page["items"][1]["attempts"][0]["executor"], "e1");
    let (_, rest) = world.get(&format!("{run}/tasks?cursor={}", page["next"].as_str().unwrap())).await;
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (2, &Value::Null));
    let (_, active) = world.get(&format!("{run}/tasks?state=active&name=train")).await;
    assert_eq!(active["items"].as_array().unwrap().len(), 1);
    for path in ["tasks/train[1]", "tasks/train%5B1%5D"] {
        let (status, task) = world.get(&format!("{run}/{path}")).await;
        assert_eq!((status, task["state"].as_str()), (StatusCode::OK, Some("active")), "{path}");
    }
    let (status, problem) = world.get(&format!("{run}/tasks/train[7]")).await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::NOT_FOUND, Some("task.not_found")));
    let (_, source) = world.text(&format!("{run}/source")).await;
    assert_eq!(source, "version: 1\nname: digits\n");
    let (_, first) = world.get(&format!("{run}/history?limit=1")).await;
    assert_eq!((first["items"][0]["number"].as_u64(), first["next"].as_str()), (Some(1), Some("1")));
    let (_, second) = world.get(&format!("{run}/history?cursor=1")).await;
    assert_eq!((second["items"][0]["number"].as_u64(), &second["next"]), (Some(2), &Value::Null));
    world.end().await;
}

#[tokio::test]
async fn a_queued_task_says_why_it_waits_when_the_scheduler_can_be_asked() {
    let world = World::start().await;
    let mut history = History::new();
    let accepted = history.accept("default", "k", b"{}", &[("train", None)]);
    let ready = emboflow_model::Change::Task {
        task: "train".parse().unwrap(),
        from: emboflow_model::TaskState::Waiting,
        to: emboflow_model::TaskState::Queued,
        reason: None,
        message: None,
        retry_at: None,
    };
    let queued = history.next(&accepted, vec![ready]);
    world.decide(vec![LogEntry::Transition(accepted.clone()), LogEntry::Transition(queued)]).await;
    let task = format!("/api/v1/projects/default/runs/{}/tasks/train", accepted.run);
    let (status, shown) = world.get(&task).await;
    assert_eq!((status, &shown["wait_reason"]), (StatusCode::OK, &Value::Null), "nobody answers");

    let (bus, stop) = (world.bus.clone(), world.shutdown.token());
    world.shutdown.spawn("explaining", async move {
        let explain = |_: Explain| async {
            let waits = vec![TaskWait {
                task: "train".parse().unwrap(),
                state: None,
                wait_reason: "no executor has 4 cpu".into(),
            }];
            Ok(Explanation { waits, ..Explanation::default() })
        };
        bus.serve(Explain::filter(), stop, explain).await.unwrap();
    });
    let reason =
        until("a reason", async || world.get(&task).await.1["wait_reason"].as_str().map(str::to_owned));
    assert_eq!(reason.await, "no executor has 4 cpu");
    world.end().await;
}

#[tokio::test]
async fn an_explanation_looks_closely_at_the_first_ready_task_or_the_one_that_is_named() {
    let world = World::start().await;
    let mut history = History::new();
    let accepted = history.accept("default", "k", b"{}", &[("first", None), ("train", None)]);
    world.decide(vec![LogEntry::Transition(accepted.clone())]).await;
    let path = format!("/api/v1/projects/default/runs/{}/explanation", accepted.run);
    let (status, problem) = world.get(&path).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("scheduler.unavailable"))
    );

    let (bus, stop) = (world.bus.clone(), world.shutdown.token());
    world.shutdown.spawn("explaining", async move {
        let explain = |question: Explain| async move {
            let wait = |task: &str, state, why: &str| TaskWait {
                task: task.parse().unwrap(),
                state: Some(state),
                wait_reason: why.to_owned(),
            };
            let waits = vec![
                wait("first", emboflow_model::TaskState::Waiting, "waiting for others"),
                wait("train", emboflow_model::TaskState::Queued, "all executors are busy"),
            ];
            let advice = question.task.map(|task| format!("more executors for {task}"));
            Ok(Explanation { waits, advice, ..Explanation::default() })
        };
        bus.serve(Explain::filter(), stop, explain).await.unwrap();
    });
    let explained = until("an answer", async || {
        let (status, explained) = world.get(&path).await;
        (status == StatusCode::OK).then_some(explained)
    });
    let explained = explained.await;
    assert_eq!(explained["waits"].as_array().unwrap().len(), 2);
    assert_eq!(explained["task"]["task"], "train", "the first that is ready");
    assert_eq!(explained["task"]["wait_reason"], "all executors are busy");
    assert_eq!(explained["task"]["advice"], "more executors for train");
    let (_, named) = world.get(&format!("{path}?task=first")).await;
    assert_eq!(named["task"]["advice"], "more executors for first");

    for (query, status, code) in [
        ("?task=nobody", StatusCode::NOT_FOUND, "task.not_found"),
        ("?task=a[x]%20b", StatusCode::BAD_REQUEST, "request.invalid"),
        ("?tusk=first", StatusCode::BAD_REQUEST, "request.invalid"),
    ] {
        let (found, problem) = world.get(&format!("{path}{query}")).await;
        assert_eq!((found, &problem["code"]), (status, &json!(code)), "{query}");
    }
    let unknown = emboflow_model::RunId::from_bits(1);
    let (status, problem) = world.get(&format!("/api/v1/projects/default/runs/{unknown}/explanation")).await;
    assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("run.not_found")));
    world.end().await;
}

#[tokio::test]
async fn of_a_run_that_is_over_nothing_waits_and_nobody_is_asked() {
    let world = World::start().await;
    let mut history = History::new();
    let accepted = history.accept("default", "k", b"{}", &[("train", None)]);
    let change = |from, to| emboflow_model::Change::Run { from, to, reason: None };
    let (queued, cancelling) = (emboflow_model::RunState::Queued, emboflow_model::RunState::Cancelling);
    let ended = history.next(
        &accepted,
        vec![change(queued, cancelling), change(cancelling, emboflow_model::RunState::Cancelled)],
    );
    world.decide(vec![LogEntry::Transition(accepted.clone()), LogEntry::Transition(ended)]).await;
    let path = format!("/api/v1/projects/default/runs/{}/explanation?task=train", accepted.run);
    let (status, explained) = world.get(&path).await;
    assert_eq!((status, &explained["state"]), (StatusCode::OK, &json!("cancelled")));
    assert_eq!((&explained["waits"], &explained["task"]["wait_reason"]), (&json!([]), &Value::Null));
    world.end().await;
}

#[tokio::test]
async fn a_workflow_is_kept_by_name_listed_shown_and_checked() {
    let world = World::start().await;
    let file = |image: &str| {
        format!(
            "version: 1\nname: digits\ndescription: reads digits\ntasks:\n  train:\n    image: {image}\n    command: [\"true\"]\n"
        )
    };
    let path = "/api/v1/projects/default/workflows/digits";
    let apply = |source: String| answer(world.request(Method::PUT, path).json(&json!({"source": source})));
    let (status, first) = apply(file("a:1")).await;
    assert_eq!((status, first["version"].as_u64()), (StatusCode::OK, Some(1)), "{first}");
    assert_eq!(apply(file("a:1")).await.1["version"], 1, "the same text is the same version");
    assert_eq!(apply(file("b:1")).await.1["version"], 2);
    let (_, list) = world.get("/api/v1/projects/default/workflows").await;
    assert_eq!((list["items"][0]["version"].as_u64(), &list["items"][0]["source"]), (Some(2), &Value::Null));
    assert_eq!(list["items"][0]["description"], "reads digits");
    let (_, old) = world.get(&format!("{path}?version=1")).await;
    assert_eq!(old["source"], file("a:1"));

    let (status, problem) = apply(file("a:1").replace("image", "imgae")).await;
    assert_eq!(
        (status, problem["errors"][0]["line"].as_u64()),
        (StatusCode::UNPROCESSABLE_ENTITY, Some(6)),
        "{problem}"
    );
    let (status, problem) = apply(file("a:1").replace("name: digits", "name: other")).await;
    assert_eq!(
        (status, problem["errors"][0]["pointer"].as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, Some("/name"))
    );
    let validate = |source: &str| {
        let request = world.request(Method::POST, "/api/v1/projects/default/workflows/validate");
        answer(request.json(&json!({"source": source})))
    };
    assert_eq!(validate(&file("c:1")).await.1["tasks"], json!(["train"]));
    for bad in ["", "{", "a: &a [*a]", "version: 1", "\t\u{0}"] {
        assert_eq!(validate(bad).await.0, StatusCode::UNPROCESSABLE_ENTITY, "{bad:?}");
    }
    world.end().await;
}

#[tokio::test]
async fn executors_and_the_system_are_shown_with_what_is_wrong() {
    let world = World::start().await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    let heartbeat = serde_json::from_value(json!({
        "executor": "e1", "pool": "default", "incarnation": "i", "journal": "j", "state": "online",
        "capacity": {"cpu_millis": 2000}, "used": {"cpu_millis": 500}, "slots": 4, "runtime": "simulated",
        "version": "1", "sent_at": Timestamp(now), "disk": {"free_bytes": 1, "total_bytes": 2},
    }))
    .unwrap();
    world.bus.put_heartbeat(&heartbeat).await.unwrap();
    let executor = until("an executor", async || {
        let (_, page) = world.get("/api/v1/executors").await;
        page["items"].get(0).cloned()
    })
    .await;
    assert_eq!(
        (executor["online"].as_bool(), executor["used"]["cpu_millis"].as_u64()),
        (Some(true), Some(500))
    );

    let (status, system) = world.get("/api/v1/system").await;
    assert_eq!((status, system["instance"].as_str()), (StatusCode::OK, Some("tests")));
    let ok = |name: &str| {
        let checks = system["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == name).unwrap()["ok"].as_bool().unwrap()
    };
    assert!(ok("nats") && ok("records") && ok("storage") && ok("executors"));
    assert!(!ok("scheduler"), "none runs here");
    assert_eq!(system["storage"]["backend"], "directory");
    world.end().await;
}

#[tokio::test]
async fn what_the_api_answers_is_in_its_document() {
    let document = serde_json::to_value(svc_api::openapi()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    let mut ids = std::collections::BTreeSet::new();
    for (path, item) in paths {
        assert!(!path.contains('*'), "{path}");
        for (method, operation) in item.as_object().unwrap() {
            let name = format!("{method} {path}");
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{name}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with(['2', '3'])), "{name}");
            let needs = rights::Method::from_http(&method.to_uppercase())
                .and_then(|method| needs_of_route(method, path));
            let is_public = needs == Some(Needs::Public);
            assert_eq!(operation["security"].is_array(), is_public, "{name}: who needs no sign-in");
            for (status, response) in responses {
                assert_ne!(response["description"], "", "{name} {status}");
                if status.starts_with(['4', '5']) {
                    assert!(
                        response["content"]["application/problem+json"]["schema"].is_object(),
                        "{name} {status}"
                    );
                }
            }
            if method == "get" && operation["responses"]["200"]["content"]["application/json"].is_object() {
                assert!(operation["responses"]["200"]["headers"]["ETag"].is_object(), "{name}");
                assert!(responses.contains_key("304"), "{name}");
            }
            if path.starts_with("/api/v1/") && method != "get" {
                assert!(operation["responses"]["429"]["headers"]["Retry-After"].is_object(), "{name}");
            }
            if path.starts_with("/api/v1/projects/") {
                assert!(responses.contains_key("401") && responses.contains_key("404"), "{name}");
            }
            let named: Vec<_> = path.split('{').skip(1).map(|part| part.split('}').next().unwrap()).collect();
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            for name in named {
                assert!(
                    parameters.iter().any(|known| known["name"] == name && known["in"] == "path"),
                    "{path} {name}"
                );
            }
        }
    }
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}
