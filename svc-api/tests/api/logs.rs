//! Logs: stored, live, and both together.

use bytes::Bytes;
use emboflow_model::object_key::log_chunk;
use emboflow_model::{AttemptId, LogEntry, LogSeal, Transition};
use reqwest::{Method, StatusCode};
use serde_json::json;
use svc_api::Limits;

use crate::support::{EventStream, History, Person, World, answer, attempt_end, event, prefix, seal, soon};

struct Story {
    accepted: Transition,
    running: Transition,
    prefix: String,
    path: String,
}

/// A run whose one task has an open attempt.
async fn running(world: &World, history: &mut History) -> Story {
    let accepted = history.accept("default", "k", b"{}", &[("train", Some(2))]);
    let running = history.dispatch(&accepted, "train[0]");
    let entries = [&accepted, &running].map(|transition| LogEntry::Transition(transition.clone()));
    world.decide(entries.to_vec()).await;
    let path = format!("/api/v1/projects/default/runs/{}/tasks/train[0]/logs", accepted.run);
    Story { prefix: prefix(&accepted, "train[0]"), accepted, running, path }
}

impl Story {
    fn attempt(&self) -> AttemptId {
        AttemptId { run: self.accepted.run, task: "train[0]".parse().unwrap(), number: 1 }
    }

    async fn put(&self, world: &World, first: u64, text: &str) {
        world.put_object(&log_chunk(&self.prefix, first), text.to_owned()).await;
    }

    async fn live(&self, world: &World, offset: u64, text: &'static str) {
        let attempt = self.attempt();
        assert!(
            world
                .bus
                .publish_live_log(
                    &self.accepted.project,
                    &attempt,
                    &"e1".parse().unwrap(),
                    offset,
                    Bytes::from(text)
                )
                .await
        );
        world.bus.flush().await;
    }

    /// The attempt ends with a log of so many bytes.
    async fn end(&self, world: &World, history: &mut History, size_bytes: u64) {
        let end = attempt_end(Some(seal(&self.prefix, size_bytes)), vec![]);
        let ended = history.succeed(&self.running, "train[0]", end);
        world.decide(vec![LogEntry::Transition(ended.clone())]).await;
        world.bus.publish(&event(&[&self.accepted, &self.running, &ended])).await.unwrap();
    }
}

#[tokio::test]
async fn a_sealed_log_is_read_whole_in_parts_and_from_its_end() {
    let world = World::start().await;
    let mut history = History::new();
    let story = running(&world, &mut history).await;
    story.put(&world, 0, "one\ntwo\n").await;
    story.put(&world, 8, "three\nfour").await;
    story.put(&world, 18, "behind the seal").await;
    story.end(&world, &mut history, 18).await;

    let response = world.request(Method::GET, &story.path).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(response.headers()["emboflow-log-sealed"], "true");
    assert_eq!(response.headers()["emboflow-log-end"], "18");
    assert_eq!(response.headers()["content-length"], "18");
    assert_eq!(response.text().await.unwrap(), "one\ntwo\nthree\nfour");
    for (query, text) in [
        ("?tail=2", "three\nfour"),
        ("?tail=0", ""),
        ("?tail=99", "one\ntwo\nthree\nfour"),
        ("?from=4&to=11", "two\nthr"),
        ("?from=14", "four"),
        ("?from=99", ""),
        ("?follow=true&tail=1", "four"),
        ("?attempt=1&to=3", "one"),
    ] {
        assert_eq!(
            world.text(&format!("{}{query}", story.path)).await,
            (StatusCode::OK, text.to_owned()),
            "{query}"
        );
    }
    let (_, found) = world.get(&format!("{}/search?pattern=%5Et&limit=1", story.path)).await;
    assert_eq!(found, serde_json::json!({"total": 2, "matches": [{"line": 2, "offset": 4, "text": "two"}]}));
    for (query, status) in
        [("?tail=1&from=2", 400), ("?attempt=2", 404), ("?from=5&to=2", 400), ("/search?pattern=(", 400)]
    {
        assert_eq!(world.get(&format!("{}{query}", story.path)).await.0, status, "{query}");
    }
    let never = story.path.replace("train[0]", "train[1]");
    let (status, problem) = world.get(&never).await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::NOT_FOUND, Some("attempt.not_found")));
    world.end().await;
}

#[tokio::test]
async fn a_running_attempts_log_goes_to_the_newest_byte() {
    let world = World::start().await;
    let story = running(&world, &mut History::new()).await;
    story.put(&world, 0, "one\ntw").await;
    story.live(&world, 4, "two\n").await;
    story.live(&world, 8, "three\n").await;
    story.live(&world, 99, "after a gap").await;
    let response = soon("the newest bytes", async {
        loop {
            let response = world.request(Method::GET, &story.path).send().await.unwrap();
            if response.headers()["emboflow-log-end"] == "14" {
                return response;
            }
        }
    })
    .await;
    assert_eq!(response.headers()["emboflow-log-sealed"], "false");
    assert_eq!(response.text().await.unwrap(), "one\ntwo\nthree\n");
    assert_eq!(world.text(&format!("{}?tail=1", story.path)).await.1, "three\n");
    assert_eq!(world.text(&format!("{}?from=5&to=10", story.path)).await.1, "wo\nth");
    let (_, found) = world.get(&format!("{}/search?pattern=tw", story.path)).await;
    assert_eq!(found["matches"][0]["offset"], 4);
    world.end().await;
}

#[tokio::test]
async fn a_followed_log_goes_on_until_the_attempt_is_over_and_misses_nothing() {
    let world = World::start().await;
    let mut history = History::new();
    let story = running(&world, &mut history).await;
    story.put(&world, 0, "one\n").await;
    let mut response =
        world.request(Method::GET, &format!("{}?follow=true", story.path)).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let mut text = String::new();
    let mut read_until = async |wanted: &str, text: &mut String| {
        soon(wanted, async {
            while !text.ends_with(wanted) {
                text.push_str(
                    std::str::from_utf8(&response.chunk().await.unwrap().expect("it goes on")).unwrap(),
                );
            }
        })
        .await;
    };
    read_until("one\n", &mut text).await;
    story.live(&world, 4, "two\n").await;
    read_until("two\n", &mut text).await;
    // These bytes are never seen live: the archive has them.
    story.put(&world, 4, "two\nthree\n").await;
    story.live(&world, 14, "four\n").await;
    read_until("three\n", &mut text).await;
    story.put(&world, 14, "four\nfive\n").await;
    story.end(&world, &mut history, 24).await;
    read_until("five\n", &mut text).await;
    assert_eq!(text, "one\ntwo\nthree\nfour\nfive\n");
    let rest = soon("the end of the log", response.chunk()).await.unwrap();
    assert_eq!(rest, None);
    world.end().await;
}

#[tokio::test]
async fn whoever_loses_the_project_is_told_no_more_of_a_log_that_is_being_followed() {
    let world = World::start().await;
    let story = running(&world, &mut History::new()).await;
    story.put(&world, 0, "one\n").await;
    let reads_default = json!({"bindings": [{"project": "default", "role": "viewer"}]});
    let bert = Person::new(&world, "bert", reads_default).await;
    let follow = format!("{}?follow=true", story.path);
    let mut response = bert.request(&world, Method::GET, &follow).send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "one\n");
    let members = world.request(Method::PUT, "/api/v1/projects/default/members/bert");
    assert!(answer(members.json(&json!({"role": "denied"}))).await.0.is_success());
    let broken = soon("the end of the followed log", async {
        loop {
            match response.chunk().await {
                Ok(Some(_)) => {}
                Ok(None) => return false,
                Err(_) => return true,
            }
        }
    })
    .await;
    assert!(broken, "a log that is cut off must not look like one that has ended");
    world.end().await;
}

#[tokio::test]
async fn a_followed_log_counts_among_the_open_streams_of_its_reader() {
    let world = World::with(|config| config.limits = Limits { streams: 1, ..Limits::alone() }).await;
    let mut history = History::new();
    let story = running(&world, &mut history).await;
    story.put(&world, 0, "one\n").await;
    let follow = format!("{}?follow=true", story.path);
    let mut followed = world.request(Method::GET, &follow).send().await.unwrap();
    assert_eq!(followed.chunk().await.unwrap().unwrap(), "one\n");
    assert_eq!(world.get(&follow).await.0, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(world.get("/api/v1/events").await.0, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(
        world.text(&story.path).await,
        (StatusCode::OK, "one\n".to_owned()),
        "a plain read is no stream"
    );
    story.end(&world, &mut history, 4).await;
    while soon("the end of the log", followed.chunk()).await.unwrap().is_some() {}
    EventStream::of(world.request(Method::GET, "/api/v1/events")).await;
    world.end().await;
}

#[tokio::test]
async fn a_lost_executors_log_is_what_was_stored_of_it() {
    let world = World::start().await;
    let mut history = History::new();
    let story = running(&world, &mut history).await;
    story.put(&world, 0, "one\n").await;
    story.put(&world, 4, "two\n").await;
    let lost = LogSeal { truncated: Some(LogSeal::EXECUTOR_LOST.to_owned()), ..seal(&story.prefix, 0) };
    let ended = history.succeed(&story.running, "train[0]", attempt_end(Some(lost), vec![]));
    world.decide(vec![LogEntry::Transition(ended)]).await;
    let response = world.request(Method::GET, &story.path).send().await.unwrap();
    assert_eq!(response.headers()["emboflow-log-sealed"], "true");
    assert_eq!(response.headers()["emboflow-log-truncated"], "executor_lost");
    assert_eq!(response.text().await.unwrap(), "one\ntwo\n");
    world.end().await;
}

#[tokio::test]
async fn an_attempt_that_left_no_log_has_an_empty_one() {
    let world = World::start().await;
    let mut history = History::new();
    let story = running(&world, &mut history).await;
    let ended = history.succeed(&story.running, "train[0]", attempt_end(None, vec![]));
    world.decide(vec![LogEntry::Transition(ended)]).await;
    assert_eq!(world.text(&story.path).await, (StatusCode::OK, String::new()));
    world.end().await;
}

#[tokio::test]
async fn a_log_of_200_mb_is_streamed_in_less_memory_than_its_size() {
    let world = World::start().await;
    let mut history = History::new();
    let story = running(&world, &mut history).await;
    let chunk = Bytes::from("0123456789abcde\n".repeat(20 * 65_536));
    let size = 10 * chunk.len() as u64;
    for index in 0..10 {
        world.put_object(&log_chunk(&story.prefix, index * chunk.len() as u64), chunk.clone()).await;
    }
    story.end(&world, &mut history, size).await;
    let before = resident_bytes();
    let mut response = world.request(Method::GET, &story.path).send().await.unwrap();
    assert_eq!(response.content_length(), Some(size));
    let (mut read, mut most) = (0, 0);
    while let Some(piece) = response.chunk().await.unwrap() {
        read += piece.len() as u64;
        most = most.max(resident_bytes());
    }
    assert_eq!(read, size);
    // Gateway, API and reader all live in this process.
    assert!(most.saturating_sub(before) < 100 << 20, "{} MB more", most.saturating_sub(before) >> 20);
    world.end().await;
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}
