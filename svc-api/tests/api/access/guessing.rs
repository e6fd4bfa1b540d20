//! What belongs to another project cannot be told from what is not there.

use emboflow_model::LogEntry;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{EventStream, History, Person, World, answer, event, until};

/// What is said of it, without what differs in every answer.
async fn said(world: &World, person: &Person, method: Method, path: &str) -> (StatusCode, Value) {
    let (status, mut problem) = answer(person.request(world, method, path)).await;
    if let Some(problem) = problem.as_object_mut() {
        problem.remove("request_id");
    }
    (status, problem)
}

#[tokio::test]
async fn a_guessed_project_or_run_of_others_is_answered_like_one_that_is_not_there() {
    let world = World::start().await;
    let anna = Person::of_lab(&world, "anna", "admin").await;
    let mut history = History::new();
    let theirs = history.accept("default", "k1", b"{}", &[("train", None)]);
    world.decide(vec![LogEntry::Transition(theirs.clone())]).await;
    world.project().await;
    let (run, nobodys) = (theirs.run.to_string(), "run-01jd8v7m2kq3x5w9c0hn4tz6ap");
    for rest in ["", "/source", "/history", "/tasks", "/tasks/train", "/tasks/train/logs", "/artifacts"] {
        let theirs =
            said(&world, &anna, Method::GET, &format!("/api/v1/projects/lab/runs/{run}{rest}")).await;
        let none =
            said(&world, &anna, Method::GET, &format!("/api/v1/projects/lab/runs/{nobodys}{rest}")).await;
        assert_eq!(theirs.0, StatusCode::NOT_FOUND, "{rest}");
        assert_eq!(theirs.1.to_string().replace(&run, nobodys), none.1.to_string(), "{rest}");
    }
    for path in ["", "/runs", "/workflows", "/members", "/runs/counts", &format!("/runs/{run}"), "/audit"] {
        let theirs = said(&world, &anna, Method::GET, &format!("/api/v1/projects/default{path}")).await;
        let none = said(&world, &anna, Method::GET, &format!("/api/v1/projects/nowhere{path}")).await;
        assert_eq!(
            (theirs.0, &theirs.1["code"]),
            (StatusCode::NOT_FOUND, &json!("project.not_found")),
            "{path}"
        );
        assert_eq!(theirs.1.to_string().replace("'default'", "'nowhere'"), none.1.to_string(), "{path}");
    }
    let (_, projects) = anna.get(&world, "/api/v1/projects").await;
    let names: Vec<_> = projects["items"].as_array().unwrap().iter().map(|item| &item["name"]).collect();
    assert_eq!(names, ["lab"]);
    world.end().await;
}

#[tokio::test]
async fn an_event_stream_tells_nothing_of_projects_that_its_listener_may_not_see() {
    let world = World::start().await;
    let anna = Person::of_lab(&world, "anna", "viewer").await;
    let mut history = History::new();
    let before = history.accept("default", "k0", b"{}", &[("train", None)]);
    world.decide(vec![LogEntry::Transition(before.clone())]).await;

    // Whatever is asked for: all, from the beginning, the run of others.
    let run = before.run;
    let mut streams = Vec::new();
    for query in ["", "?after=0", &format!("?run={run}&after=0")] {
        let request = anna.request(&world, Method::GET, &format!("/api/v1/events{query}"));
        streams.push(EventStream::of(request).await.0);
    }
    let of_project = anna.get(&world, "/api/v1/events?project=default").await;
    assert_eq!((of_project.0, &of_project.1["code"]), (StatusCode::NOT_FOUND, &json!("project.not_found")));

    let theirs = history.accept("default", "k1", b"{}", &[("train", None)]);
    let own = history.accept("lab", "k2", b"{}", &[("train", None)]);
    let entries = [&theirs, &own].map(|transition| LogEntry::Transition(transition.clone()));
    world.decide(entries.into()).await;
    for event in [event(&[&theirs]), event(&[&own])] {
        world.bus.publish(&event).await.unwrap();
    }
    for stream in &mut streams[..2] {
        // What came before it was not for this listener.
        let message = stream.next_of("run").await;
        assert_eq!(message.data["data"]["project"], "lab");
    }
    world.end().await;
}

#[tokio::test]
async fn the_live_log_of_another_projects_attempt_is_not_there() {
    let world = World::start().await;
    let anna = Person::of_lab(&world, "anna", "admin").await;
    let mut history = History::new();
    let theirs = history.accept("default", "k1", b"{}", &[("train", None)]);
    world.decide(vec![LogEntry::Transition(theirs.clone())]).await;
    let of_theirs = anna.get(&world, &format!("/api/v1/events?log={}.train.1", theirs.run)).await;
    let of_none = anna.get(&world, "/api/v1/events?log=run-01jd8v7m2kq3x5w9c0hn4tz6ap.train.1").await;
    assert_eq!((of_theirs.0, of_none.0), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND), "{of_theirs:?}");
    assert_eq!(
        (&of_theirs.1["code"], &of_none.1["code"]),
        (&json!("run.not_found"), &json!("run.not_found"))
    );
    world.end().await;
}

#[tokio::test]
async fn what_an_executor_holds_is_told_to_administrators_of_the_platform_only() {
    let world = World::start().await;
    let anna = Person::of_lab(&world, "anna", "admin").await;
    let stream = EventStream::of(anna.request(&world, Method::GET, "/api/v1/events")).await;
    let (mut hers, _) = stream;
    let heartbeat = json!({
        "executor": "e1", "pool": "default", "incarnation": "i", "journal": "j", "state": "online",
        "capacity": {}, "slots": 1, "runtime": "simulated", "version": "1",
        "sent_at": "2026-11-21T13:00:00.000Z", "disk": {"free_bytes": 1, "total_bytes": 2},
        "attempts": [{"attempt": "run-01jd8v7m2kq3x5w9c0hn4tz6ap.train.1", "fence": 1}],
    });
    let heartbeat = serde_json::from_value(heartbeat).unwrap();
    world.bus.put_heartbeat(&heartbeat).await.unwrap();
    let told = hers.next_of("executor").await;
    assert_eq!((&told.data["executor"], &told.data["attempts"]), (&json!("e1"), &json!([])));
    let all = until("the executor", async || {
        let (_, all) = world.get("/api/v1/executors").await;
        (all["items"].as_array().unwrap().len() == 1).then_some(all)
    })
    .await;
    assert_eq!(all["items"][0]["attempts"].as_array().unwrap().len(), 1);
    let (_, hers) = anna.get(&world, "/api/v1/executors").await;
    assert_eq!(hers["items"][0]["attempts"], json!([]));
    world.end().await;
}

#[tokio::test]
async fn an_event_stream_ends_when_its_session_does() {
    let world = World::start().await;
    let anna = Person::of_lab(&world, "anna", "viewer").await;
    let response = anna.request(&world, Method::GET, "/api/v1/events").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let disabled = world.request(Method::PATCH, "/api/v1/users/anna").json(&json!({"disabled": true}));
    assert_eq!(answer(disabled).await.0, StatusCode::OK);
    let ended = crate::support::soon("the end of the stream", response.bytes()).await;
    assert!(ended.is_ok(), "{ended:?}");
    world.end().await;
}
