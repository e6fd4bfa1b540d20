//! What people see of a running system from outside: one trace a run, lines of log that a collector understands, figures
//! that dashboards ask for, and a tree that names what is wrong.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::{Method, StatusCode};
use serde_json::Value;
use system_tests::otlp::{Receiver, Span};
use system_tests::{Cell, Part, Stack, eventually_ok, on_cells, pair};

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Starts the run of a caller who has a trace, and gives its id.
async fn run_in_trace(stack: &Stack) -> String {
    let body = serde_json::json!({ "source": pair(20) });
    let answer =
        stack.client().request(Method::POST, "/runs").header("traceparent", CALLER).json(&body).send();
    let answer = answer.await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    let run: Value = answer.json().await.unwrap();
    run["id"].as_str().unwrap().to_owned()
}

async fn a_run_is_one_trace_from_the_request_to_its_end(cell: Cell) {
    let receiver = Receiver::start().await;
    let endpoint = receiver.endpoint();
    let stack = Stack::start_changed(cell, |stack| {
        for part in [Part::Api, Part::Scheduler, Part::Executor] {
            stack.part(part).set("telemetry.otlp_endpoint", &endpoint);
        }
    })
    .await;
    let run = run_in_trace(&stack).await;
    stack.client().reaches(&run, "succeeded").await;

    let expected = BTreeMap::from([
        ("http request", 1),
        ("request", 1),
        ("run", 1),
        ("task", 2),
        ("queue wait", 2),
        ("attempt", 2),
        ("image pull", 2),
        ("stage in", 2),
        ("container", 2),
        ("stage out", 2),
        ("end", 2),
    ]);
    let spans = eventually_ok("every span has come", || async {
        let spans = receiver.spans_of(TRACE);
        let mut names = BTreeMap::new();
        for span in &spans {
            *names.entry(span.name.as_str()).or_insert(0) += 1;
        }
        if names == expected { Ok(spans.clone()) } else { Err(format!("{names:?}")) }
    })
    .await;

    let by_id: BTreeMap<&str, &Span> = spans.iter().map(|span| (span.id.as_str(), span)).collect();
    for span in &spans {
        assert!(span.from <= span.to, "{span:?}");
        let parent = match (span.name.as_str(), by_id.get(span.parent.as_str())) {
            ("http request", None) => {
                assert_eq!(span.parent, "00f067aa0ba902b7", "it belongs to its caller");
                continue;
            }
            (_, Some(parent)) => parent.name.as_str(),
            (_, None) => panic!("the parent of {span:?} is missing"),
        };
        let expected = match span.name.as_str() {
            "request" => "http request",
            "run" => "request",
            "task" => "run",
            "queue wait" | "attempt" => "task",
            _ => "attempt",
        };
        assert_eq!(parent, expected, "{span:?}");
    }
    let tellers: BTreeSet<&str> = spans.iter().map(|span| span.service.as_str()).collect();
    assert_eq!(tellers, BTreeSet::from(["emboflow-api", "emboflow-executor", "emboflow-scheduler"]));
}
on_cells!(a_run_is_one_trace_from_the_request_to_its_end: SQLITE_SIMULATED);

async fn every_line_of_log_says_who_speaks_and_those_of_a_run_name_it(cell: Cell) {
    let stack = Stack::start(cell).await;
    let run = run_in_trace(&stack).await;
    stack.client().reaches(&run, "succeeded").await;

    for service in [&stack.api, &stack.scheduler, &stack.executor, &stack.gateway] {
        let text = service.log_text();
        // The last one may not be whole yet.
        let (whole, _) =
            text.rsplit_once('\n').unwrap_or_else(|| panic!("{} says nothing", service.program()));
        for line in whole.lines() {
            let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
            for field in ["time", "level", "service", "instance", "message"] {
                assert!(line[field].is_string(), "{field} in {line}");
            }
            assert_eq!(line["service"], service.program().trim_start_matches("svc-"));
        }
    }
    let begun = eventually_ok("the executor tells of the attempt", || async {
        let lines = stack.executor.log_text();
        let lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut own = lines.filter(|line| line["run"] == *run && line["message"] == "an attempt begins");
        own.next().ok_or_else(|| "no line names the run".to_owned())
    })
    .await;
    assert!(begun["task"].is_string() && begun["attempt"].is_string(), "{begun}");
    assert_eq!(begun["trace_id"], TRACE);
    // What the collector reads out of a line is what lines have.
    let collector =
        std::fs::read_to_string(system_tests::repository().join("ops/alloy/config.alloy")).unwrap();
    for field in ["time", "level", "service", "instance", "run", "task", "attempt", "trace_id"] {
        let taken = collector.lines().any(|line| line.trim().starts_with(&format!("{field} ")));
        assert!(taken && !begun[field].is_null(), "{field} in {begun}");
    }
}
on_cells!(every_line_of_log_says_who_speaks_and_those_of_a_run_name_it: SQLITE_SIMULATED);

async fn the_health_tree_names_the_service_that_is_gone_and_forgives_it_when_it_is_back(cell: Cell) {
    let mut stack = Stack::start(cell).await;
    let part = |tree: &Value, name: &str| {
        let mut parts = tree["parts"].as_array().into_iter().flatten();
        parts.find(|part| part["name"] == name).cloned().unwrap_or_default()
    };
    let whole = |tree: &Value| {
        ["scheduler", "storage-gw", "executors"].iter().all(|name| part(tree, name)["status"] != "failed")
            && part(tree, "executors")["parts"][0]["parts"].is_array()
    };
    let tree = eventually_ok("everybody answers", || async {
        let tree = health(&stack).await?;
        if whole(&tree) { Ok(tree) } else { Err(format!("{tree:#}")) }
    })
    .await;
    let names: BTreeSet<&str> = part(&tree, "storage-gw")["parts"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|look| look["name"].as_str())
        .map(|name| match name {
            "backend" => "backend",
            "disk objects" => "disk",
            "clock" => "clock",
            _ => "other",
        })
        .collect();
    assert!(names.is_superset(&BTreeSet::from(["backend", "clock", "disk"])), "{tree:#}");

    stack.part(Part::Scheduler).kill().await;
    eventually_ok("the scheduler is missed", || async {
        let tree = health(&stack).await?;
        let scheduler = part(&tree, "scheduler");
        let told =
            tree["status"] == "failed" && scheduler["status"] == "failed" && scheduler["hint"].is_string();
        if told { Ok(()) } else { Err(format!("{scheduler:#}")) }
    })
    .await;
    stack.part(Part::Scheduler).start().await;
    eventually_ok("the scheduler is back", || async {
        let tree = health(&stack).await?;
        if whole(&tree) { Ok(()) } else { Err(format!("{tree:#}")) }
    })
    .await;
}
on_cells!(the_health_tree_names_the_service_that_is_gone_and_forgives_it_when_it_is_back: SQLITE_SIMULATED);

async fn health(stack: &Stack) -> Result<Value, String> {
    let answer = stack.client().request_global(Method::GET, "/system/health").send().await;
    answer.map_err(|error| error.to_string())?.json().await.map_err(|error| error.to_string())
}
