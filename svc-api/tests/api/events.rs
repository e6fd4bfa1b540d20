//! The event stream: live, resumed, and made complete from the records.

use std::time::Duration;

use bytes::Bytes;
use emboflow_model::executor::Heartbeat;
use emboflow_model::{AttemptId, ImagePull, LogEntry, Timestamp, Transition};
use emboflow_protocol::Message as _;
use emboflow_protocol::progress::Progress;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{EventStream, History, Person, World, answer, event, until};

fn entries(transitions: &[&Transition]) -> Vec<LogEntry> {
    transitions.iter().map(|transition| LogEntry::Transition((*transition).clone())).collect()
}

#[tokio::test]
async fn what_happens_is_told_in_order_and_once_to_those_who_want_it() {
    let world = World::start().await;
    let (mut all, hello) = EventStream::open(&world, "", None).await;
    assert_eq!((hello.id, hello.data["seq"].as_u64()), (Some(0), Some(0)));
    let (mut lab, _) = EventStream::open(&world, "?project=lab", None).await;

    let mut history = History::new();
    let first = history.accept("default", "k1", b"{}", &[("train", None)]);
    let second = history.accept("lab", "k2", b"{}", &[("train", None)]);
    let running = history.dispatch(&first, "train");
    world.decide(entries(&[&first, &second, &running])).await;
    for event in [event(&[&first]), event(&[&second]), event(&[&second]), event(&[&first, &running])] {
        world.bus.publish(&event).await.unwrap();
    }
    let told = [all.next_of("run").await, all.next_of("run").await, all.next_of("run").await];
    assert_eq!(told.each_ref().map(|message| message.id), [Some(1), Some(2), Some(3)]);
    assert_eq!(told[2].data["data"]["run"]["state"], "running");
    assert_eq!(told[2].data["data"]["tasks"][0]["state"], "active");
    let only = lab.next_of("run").await;
    assert_eq!((only.id, only.data["data"]["project"].as_str()), (Some(2), Some("lab")));
    world.end().await;
}

#[tokio::test]
async fn a_broken_stream_goes_on_with_what_it_missed() {
    let world = World::start().await;
    let mut history = History::new();
    let first = history.accept("default", "k1", b"{}", &[("train", None)]);
    let refused = history.reject("k2", b"{}", &[]);
    let running = history.dispatch(&first, "train");
    let other = history.accept("default", "k3", b"{}", &[("train", Some(40))]);
    world.decide(entries(&[&first])).await;
    world.decide(vec![refused]).await;
    world.decide(entries(&[&running, &other])).await;

    let (mut stream, hello) = EventStream::open(&world, "?after=4", Some(1)).await;
    assert_eq!(hello.data["seq"], 1, "the header wins");
    let (one, two) = (stream.next_of("run").await, stream.next_of("run").await);
    assert_eq!((one.id, two.id), (Some(3), Some(4)), "each is where it may be resumed from");
    assert_eq!(one.data["data"]["run"]["version"], 2);
    assert_eq!(one.data["data"]["tasks"][0]["key"], "train");
    assert_eq!(two.data["data"]["run"]["id"], other.run.to_string());

    // Nothing was missed: what follows is live.
    let (mut stream, _) = EventStream::open(&world, "?after=4", None).await;
    let next = history.dispatch(&other, "train[0]");
    world.decide(entries(&[&next])).await;
    world.bus.publish(&event(&[&other, &next])).await.unwrap();
    assert_eq!(stream.next_of("run").await.id, Some(5));
    world.end().await;
}

#[tokio::test]
async fn a_resumed_stream_is_told_of_the_runs_it_wants_unless_they_are_too_many() {
    let world = World::start().await;
    let mut history = History::new();
    let others: Vec<_> =
        (0..600).map(|n| history.accept("default", &format!("k{n}"), b"{}", &[("train", None)])).collect();
    let wanted = history.accept("lab", "k", b"{}", &[("train", None)]);
    world.decide(entries(&others.iter().chain([&wanted]).collect::<Vec<_>>())).await;

    let (mut lab, _) = EventStream::open(&world, "?project=lab&after=0", None).await;
    assert_eq!(lab.next().await.id, Some(601));
    let (mut all, _) = EventStream::open(&world, "?after=0", None).await;
    let first = all.next().await;
    assert_eq!((first.kind.as_str(), first.id), ("resync", Some(601)), "too many to be told one by one");
    world.end().await;
}

#[tokio::test]
async fn an_event_that_was_lost_on_the_way_is_read_from_the_records() {
    let world = World::start().await;
    let (mut stream, _) = EventStream::open(&world, "", None).await;
    let mut history = History::new();
    let lost = history.accept("default", "k1", b"{}", &[("train", None)]);
    let refused = history.reject("k2", b"{}", &[]);
    let seen = history.accept("default", "k3", b"{}", &[("train", None)]);
    world.decide(entries(&[&lost])).await;
    world.decide(vec![refused]).await;
    world.decide(entries(&[&seen])).await;
    world.bus.publish(&event(&[&seen])).await.unwrap();
    let runs = [stream.next_of("run").await, stream.next_of("run").await];
    let mut ids = runs.each_ref().map(|message| message.data["subject"].as_str().unwrap().to_owned());
    ids.sort();
    assert_eq!(ids, [lost.run.to_string(), seen.run.to_string()]);
    assert_eq!(runs[1].id, Some(3));
    world.end().await;
}

#[tokio::test]
async fn what_was_decided_while_nats_was_away_is_told_when_it_is_back() {
    let mut world = World::start().await;
    let (mut stream, _) = EventStream::open(&world, "", None).await;
    world.nats.kill();
    let first = History::new().accept("default", "k1", b"{}", &[("train", None)]);
    world.decide(entries(&[&first])).await;
    world.nats.restart().await;
    assert_eq!(stream.next_of("run").await.id, Some(1));
    world.end().await;
}

#[tokio::test]
async fn who_is_too_far_behind_or_ahead_of_the_log_is_told_to_read_again() {
    let world = World::start().await;
    let first = History::new().accept("default", "k1", b"{}", &[("train", None)]);
    world.decide(entries(&[&first])).await;
    let (mut stream, _) = EventStream::open(&world, "?after=99", None).await;
    let message = stream.next().await;
    assert_eq!((message.kind.as_str(), message.data["seq"].as_u64()), ("resync", Some(1)));

    let mut last = first;
    for _ in 0..6 {
        let batch: Vec<_> = (0..1_000)
            .map(|_| {
                last = Transition {
                    seq: last.seq + 1,
                    number: last.number + 1,
                    changes: vec![],
                    ..last.clone()
                };
                LogEntry::Transition(last.clone())
            })
            .collect();
        world.decide(batch).await;
    }
    let (mut stream, _) = EventStream::open(&world, "?after=1", None).await;
    let message = stream.next().await;
    assert_eq!((message.kind.as_str(), message.id), ("resync", Some(6_001)));
    world.end().await;
}

#[tokio::test]
async fn the_stream_also_carries_executors_and_the_live_log_that_was_asked_for() {
    let world = World::start().await;
    let mut history = History::new();
    let first = history.accept("default", "k1", b"{}", &[("train", None)]);
    let running = history.dispatch(&first, "train");
    world.decide(entries(&[&first, &running])).await;
    let attempt = AttemptId { run: first.run, task: "train".parse().unwrap(), number: 1 };
    let (mut stream, _) = EventStream::open(&world, &format!("?log={attempt}"), None).await;

    let executor = "e1".parse().unwrap();
    let publish = async |offset, bytes: &[u8]| {
        let bytes = Bytes::copy_from_slice(bytes);
        world.bus.publish_live_log(&first.project, &attempt, &executor, offset, bytes).await
    };
    // Frames are lossy: the first ones are lost until the server has the subscription.
    until("the subscription", async || {
        publish(1_000, b"?").await;
        let is_there = tokio::time::timeout(Duration::from_millis(50), stream.next_of("log")).await.is_ok();
        is_there.then_some(())
    })
    .await;
    let text = "zwölf\n".as_bytes();
    assert!(publish(0, b"eins\n").await);
    assert!(publish(5, &text[..3]).await);
    assert!(publish(8, &text[3..]).await);
    let mut said = String::new();
    while !said.ends_with("lf\n") {
        let frame = stream.next_of("log").await;
        if frame.data["text"] == "?" {
            continue;
        }
        assert_eq!(frame.data["offset"].as_u64(), Some(said.len() as u64));
        said.push_str(frame.data["text"].as_str().unwrap());
        assert_eq!(frame.data["attempt"], attempt.to_string());
    }
    assert_eq!(said, "eins\nzwölf\n");

    let heartbeat: Heartbeat = serde_json::from_value(json!({
        "executor": "e1", "pool": "default", "incarnation": "i", "journal": "j", "state": "draining",
        "capacity": {}, "slots": 4, "runtime": "simulated", "version": "1", "sent_at": Timestamp(0),
        "disk": {"free_bytes": 1, "total_bytes": 2},
    }))
    .unwrap();
    world.bus.put_heartbeat(&heartbeat).await.unwrap();
    let executor = stream.next_of("executor").await;
    assert_eq!(
        (executor.data["executor"].as_str(), executor.data["state"].as_str()),
        (Some("e1"), Some("draining"))
    );

    let unknown = "/api/v1/events?log=run-01jd8v7m2kq3x5w9c0hn4tz6ap.train.1";
    assert_eq!(world.get(unknown).await.0, StatusCode::NOT_FOUND);
    world.end().await;
}

#[tokio::test]
async fn a_listener_who_loses_a_project_hears_no_more_of_its_log() {
    let world = World::start().await;
    let mut history = History::new();
    let first = history.accept("default", "k1", b"{}", &[("train", None)]);
    let running = history.dispatch(&first, "train");
    world.decide(entries(&[&first, &running])).await;
    let attempt = AttemptId { run: first.run, task: "train".parse().unwrap(), number: 1 };
    let roles = json!({"bindings": [
        {"project": "default", "role": "viewer"}, {"project": "lab", "role": "viewer"},
    ]});
    let bert = Person::new(&world, "bert", roles).await;
    let events = bert.request(&world, Method::GET, &format!("/api/v1/events?log={attempt}"));
    let (mut stream, _) = EventStream::of(events).await;
    let publish = async |offset| {
        let bytes = Bytes::from_static(b"secret");
        world.bus.publish_live_log(&first.project, &attempt, &"e1".parse().unwrap(), offset, bytes).await
    };
    // Frames are lossy: the first ones are lost until the server has the subscription.
    until("the log", async || {
        publish(0).await;
        tokio::time::timeout(Duration::from_millis(50), stream.next_of("log")).await.ok()
    })
    .await;
    let members = world.request(Method::PUT, "/api/v1/projects/default/members/bert");
    assert!(answer(members.json(&json!({"role": "denied"}))).await.0.is_success());
    // What it shows has to be read again, and then is not there.
    stream.next_of("resync").await;
    publish(1_000).await;
    let other = history.accept("lab", "k2", b"{}", &[("train", None)]);
    world.decide(entries(&[&other])).await;
    world.bus.publish(&event(&[&other])).await.unwrap();
    let heard = loop {
        let message = stream.next().await;
        assert_ne!(message.kind, "log");
        if message.kind == "run" {
            break message;
        }
    };
    assert_eq!(heard.data["subject"], other.run.to_string());
    world.end().await;
}

#[tokio::test]
async fn the_stream_and_the_task_show_how_far_an_image_is_until_it_is_there() {
    let world = World::start().await;
    let mut history = History::new();
    let first = history.accept("default", "k1", b"{}", &[("train", None)]);
    let running = history.dispatch(&first, "train");
    world.decide(entries(&[&first, &running])).await;
    let (mut stream, _) = EventStream::open(&world, &format!("?run={}", first.run), None).await;
    let (mut other, _) = EventStream::open(&world, "?project=lab", None).await;
    let attempt = AttemptId { run: first.run, task: "train".parse().unwrap(), number: 1 };
    let pull = ImagePull {
        image: "debian:12".to_owned(),
        layers_done: 1,
        layers_total: 5,
        bytes_done: 34 << 20,
        bytes_total: Some(80 << 20),
    };
    let mut progress = Progress {
        project: first.project.clone(),
        attempt,
        executor: "e1".parse().unwrap(),
        pull: Some(pull.clone()),
    };
    // Lossy: the first ones are lost until the server has the subscription.
    let said = until("the subscription", async || {
        world.bus.publish_live(&progress).await;
        tokio::time::timeout(Duration::from_millis(50), stream.next_of("progress")).await.ok()
    })
    .await;
    assert_eq!((said.id, said.data), (None, serde_json::to_value(&progress).unwrap()));
    let pull = serde_json::to_value(pull).unwrap();
    let path = format!("/api/v1/projects/default/runs/{}/tasks", first.run);
    until("the task shows it", async || {
        let (_, tasks) = world.get(&path).await;
        (tasks["items"][0]["attempts"][0]["pull"] == pull).then_some(())
    })
    .await;
    let (_, task) = world.get(&format!("{path}/train")).await;
    assert_eq!(task["attempts"][0]["pull"], pull);

    progress.pull = None;
    world.bus.publish_live(&progress).await;
    while stream.next_of("progress").await.data.get("pull").is_some() {}
    until("nothing is pulled any more", async || {
        let (_, task) = world.get(&format!("{path}/train")).await;
        task["attempts"][0].get("pull").is_none().then_some(())
    })
    .await;

    let second = history.accept("lab", "k2", b"{}", &[("train", None)]);
    world.decide(entries(&[&second])).await;
    world.bus.publish(&event(&[&second])).await.unwrap();
    // The health of the installation is everybody's.
    let next = loop {
        match other.next().await {
            message if message.kind == "health" => {}
            message => break message,
        }
    };
    assert_eq!(next.kind, "run", "nothing of another project comes");
    world.end().await;
}

#[tokio::test]
async fn garbage_on_a_subject_of_progress_is_a_dead_letter() {
    let world = World::start().await;
    let subject = "emboflow.progress.default.run-01jd8v7m2kq3x5w9c0hn4tz6ap.train.1.e1";
    let letter = until("the dead letter", async || {
        world.bus.reply(subject, &json!({"data": "garbage"})).await.unwrap();
        let letters = world.bus.dead_letters(10).await.unwrap_or_default();
        letters.into_iter().find(|letter| letter.subject == subject)
    })
    .await;
    assert_eq!(letter.reason, "unreadable_progress");
    world.end().await;
}

#[tokio::test]
async fn garbage_on_an_event_subject_disturbs_nobody_and_a_stop_ends_the_streams() {
    let world = World::start().await;
    let (mut stream, _) = EventStream::open(&world, "", None).await;
    let first = History::new().accept("default", "k1", b"{}", &[("train", None)]);
    world.bus.reply("emboflow.event.default.x", &json!({"data": "garbage"})).await.unwrap();
    world.decide(entries(&[&first])).await;
    world.bus.publish(&event(&[&first])).await.unwrap();
    assert_eq!(stream.next_of("run").await.id, Some(1));
    world.shutdown.trigger("the test");
    assert!(stream.ends().await);
    world.end().await;
}

#[tokio::test]
async fn a_browser_that_is_too_slow_is_told_to_read_again_and_gets_no_queue() {
    let world = World::start().await;
    let (mut slow, _) = EventStream::open(&world, "", None).await;
    let (mut quick, _) = EventStream::open(&world, "", None).await;
    let first = History::new().accept("default", "k1", b"{}", &[("train", Some(16))]);
    let mut event = event(&[&first]);
    event.data.run.reason = Some("x".repeat(8_000));
    let subject = event.subject().to_string();
    for seq in 1..=3_000 {
        event.data.seq = seq;
        // Not through the stream: only whoever listens gets it, and at once.
        world.bus.reply(&subject, &event).await.unwrap();
        if seq % 100 == 0 {
            while quick.next_of("run").await.id != Some(seq) {}
        }
    }
    let resync = slow.next_of("resync").await;
    assert!(resync.id.unwrap() > 1_000, "{resync:?}");
    world.end().await;
}

#[tokio::test]
async fn whoever_shows_a_list_hears_that_it_has_changed_but_only_of_their_own_projects() {
    let world = World::start().await;
    let anna = Person::of_lab(&world, "anna", "admin").await;
    let (mut lab, _) = EventStream::of(anna.request(&world, Method::GET, "/api/v1/events?project=lab")).await;
    let notification = async |project: &str| {
        let path = format!("/api/v1/projects/{project}/notifications/ends");
        let body = json!({"to": {"nats": {"topic": "ends"}}});
        let put = world.request(Method::PUT, &path).header("if-none-match", "*").json(&body);
        let (status, kept) = answer(put).await;
        assert!(status.is_success(), "{kept}");
    };
    notification("default").await;
    let service = json!({"name": "ci", "powers": {}});
    let (status, made) = answer(world.request(Method::POST, "/api/v1/services").json(&service)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    loop {
        let told = lab.next_of("changed").await;
        assert_ne!(told.data["kind"], "notification", "it is another project's");
        if told.data == json!({"kind": "service"}) {
            break;
        }
    }
    notification("lab").await;
    while lab.next_of("changed").await.data["kind"] != "notification" {}
    world.end().await;
}
