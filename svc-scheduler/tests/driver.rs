//! The scheduler as a whole, on real records and a real nats-server.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use emboflow_bus::testing::TestServer;
use emboflow_bus::{Bus, BusError, MAX_DELIVERIES, OutgoingRequest};
use emboflow_model::{LogEntry, ProjectName, Rejection, RunId, Timestamp};
use emboflow_protocol::call::{AskQueues, Claim, ClaimAnswer, QueueFigure, QueueFigures};
use emboflow_protocol::event::Event;
use emboflow_protocol::message::Message;
use emboflow_protocol::notice::Notice;
use emboflow_protocol::request::Verb;
use emboflow_protocol::stream::EVENTS;
use emboflow_records::{RequestOutcome, RequestRecord, SharedRecords};
use emboflow_service::{Health, Shutdown};
use serde_json::{Value, json};

const WORKFLOW: &str = "version: 1\nname: story\ntasks: { a: { image: busybox } }\n";

/// A running scheduler.
struct World {
    server: TestServer,
    bus: Bus,
    records: SharedRecords,
    health: Health,
    shutdown: Shutdown,
    _dir: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        let server = TestServer::start().await;
        let bus = server.bus("test").await;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records.db");
        let records = emboflow_records::open(&emboflow_records::Config::Sqlite { path }).await.unwrap();
        let project = json!({ "name": "lab", "created_at": Timestamp(1) });
        records.keep("project", "", "lab", None, project.to_string()).await.unwrap().unwrap();
        let (shutdown, health) = run_scheduler(&server, &records).await;
        let world = Self { server, bus, records, health, shutdown, _dir: dir };
        world.is_ready().await;
        world
    }

    async fn driver_check(&self) -> (bool, String) {
        let checks = self.health.readiness().await.checks;
        let check = checks.into_iter().find(|check| check.name == "driver").expect("there is one");
        (check.ok, check.detail)
    }

    async fn is_ready(&self) {
        eventually("the driver decides", || async { self.driver_check().await.0.then_some(()) }).await;
    }

    async fn ask(&self, verb: Verb, key: &str, body: Value) {
        let request = OutgoingRequest {
            project: project(),
            verb,
            key: Some(key.to_owned()),
            reply_to: None,
            traceparent: None,
            body: Bytes::from(body.to_string()),
        };
        self.bus.publish_request(request).await.unwrap();
    }

    async fn outcome(&self, key: &str) -> RequestOutcome {
        let project = project();
        let known = || async { self.records.request(&project, key).await.unwrap() };
        let RequestRecord { outcome, .. } = eventually("the request is decided", known).await;
        outcome
    }

    async fn claim(&self) -> Result<ClaimAnswer, BusError> {
        let claim = Claim {
            pool: "default".parse().unwrap(),
            executor: "one".parse().unwrap(),
            attempt: format!("{}.a.1", RunId::from_bits(7)).parse().unwrap(),
            fence: 1,
            journal: None,
            secrets: false,
            again: false,
        };
        self.bus.call(&claim, Duration::from_secs(5)).await
    }

    async fn restart(&mut self) {
        self.stop().await;
        (self.shutdown, self.health) = run_scheduler(&self.server, &self.records).await;
        self.is_ready().await;
    }

    async fn stop(&self) {
        self.shutdown.trigger("the test wants it");
        self.shutdown.drain(Duration::from_secs(10)).await;
    }

    async fn end(self) {
        self.stop().await;
    }
}

async fn run_scheduler(server: &TestServer, records: &SharedRecords) -> (Shutdown, Health) {
    let config = json!({ "nats": { "url": server.url() }, "storage_key": "k".repeat(32) });
    let config = serde_json::from_value(config).unwrap();
    let (shutdown, health) = (Shutdown::new(), Health::new("scheduler"));
    svc_scheduler::start_on(config, records.clone(), &shutdown, &health).await.unwrap();
    (shutdown, health)
}

fn project() -> ProjectName {
    "lab".parse().unwrap()
}

async fn eventually<T, F, Fut>(what: &str, mut look: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let found = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(90), found)
        .await
        .unwrap_or_else(|_| panic!("not within 90 s: {what}"))
}

#[tokio::test]
async fn a_scheduler_that_another_one_has_overtaken_refuses_no_claim_and_starts_over() {
    let world = World::start().await;
    let refused = |answer| matches!(answer, Ok(ClaimAnswer::Refused { .. }));
    assert!(refused(world.claim().await), "nobody else decides: the attempt is unknown");
    let foreign = Rejection {
        shard: 0,
        seq: world.records.last_seq(0).await.unwrap() + 1,
        at: Timestamp(1),
        project: project(),
        key: "foreign".to_owned(),
        body_sha256: String::new(),
        errors: Vec::new(),
    };
    world.records.append(0, vec![Arc::new(LogEntry::Rejection(foreign))]).await.unwrap();
    let answer = world.claim().await;
    assert!(matches!(answer, Err(BusError::Refused { .. })), "no answer but an error: {answer:?}");
    let (ok, detail) = world.driver_check().await;
    assert!(ok || detail.contains("lost the shard") || detail.contains("reads back"), "{detail}");
    eventually("it has read back", || async { refused(world.claim().await).then_some(()) }).await;
    world.is_ready().await;
    world.end().await;
}

#[tokio::test]
async fn labels_that_are_too_many_or_too_long_are_rejected_with_their_place() {
    let world = World::start().await;
    let labels: serde_json::Map<_, _> = (0..64).map(|i| (format!("l{i}"), json!("v"))).collect();
    world.ask(Verb::Submit, "fits", json!({ "source": WORKFLOW, "labels": labels })).await;
    assert!(matches!(world.outcome("fits").await, RequestOutcome::Accepted(_)));
    let file_with_a_label = format!("{WORKFLOW}labels: {{ team: x }}\n");
    world.ask(Verb::Submit, "many", json!({ "source": file_with_a_label, "labels": labels })).await;
    let RequestOutcome::Rejected(errors) = world.outcome("many").await else { panic!("accepted") };
    assert_eq!((&errors[0]["code"], &errors[0]["pointer"]), (&json!("request.invalid"), &json!("/labels")));
    let long = json!({ "source": WORKFLOW, "labels": { "a/b": "x".repeat(257) } });
    world.ask(Verb::Submit, "long", long).await;
    let RequestOutcome::Rejected(errors) = world.outcome("long").await else { panic!("accepted") };
    assert_eq!(errors[0]["pointer"], "/labels/a~1b");
    let retry = json!({ "run": RunId::from_bits(1), "reason": "x".repeat(1_001) });
    world.ask(Verb::Retry, "reason", retry).await;
    let RequestOutcome::Rejected(errors) = world.outcome("reason").await else { panic!("accepted") };
    assert_eq!(errors[0]["pointer"], "/reason");
    assert_eq!(world.bus.dead_letters(9).await.unwrap().len(), 0, "they could be read");
    world.end().await;
}

#[tokio::test]
async fn an_emptied_nats_is_told_again_what_each_open_run_is() {
    let mut world = World::start().await;
    world.ask(Verb::Submit, "one", json!({ "source": WORKFLOW })).await;
    let RequestOutcome::Accepted(run) = world.outcome("one").await else { panic!("rejected") };
    world.server.empty().await;
    let event = eventually("the run is told again", || async {
        world.bus.stored_messages(&EVENTS).await.ok().filter(|count| *count > 0)?;
        let mut events = world.bus.replay(&EVENTS, Event::filter(Some(&project()))).await.ok()?;
        let frame = tokio::time::timeout(Duration::from_secs(1), events.next()).await.ok()??;
        serde_json::from_slice::<Event>(&frame.payload).ok()
    })
    .await;
    assert_eq!((event.subject, event.data.tasks_omitted), (run, true));
    assert_eq!(
        event.id,
        format!("{run}/{}", event.data.run.version),
        "an event that is told again has its old id"
    );
    assert_eq!(event.subject().as_str(), format!("emboflow.event.lab.{run}"));
    world.end().await;
}

#[tokio::test]
async fn a_run_is_made_only_in_a_project_that_is_there() {
    let world = World::start().await;
    let ask = async |project: &str, key: &str| {
        let request = OutgoingRequest {
            project: project.parse().unwrap(),
            verb: Verb::Submit,
            key: Some(key.to_owned()),
            reply_to: None,
            traceparent: None,
            body: Bytes::from(json!({ "source": WORKFLOW }).to_string()),
        };
        world.bus.publish_request(request).await.unwrap();
        let project: ProjectName = project.parse().unwrap();
        let known = || async { world.records.request(&project, key).await.unwrap() };
        eventually("the request is decided", known).await.outcome
    };
    let RequestOutcome::Rejected(errors) = ask("vault", "first").await else { panic!("there is no vault") };
    assert_eq!(errors[0]["code"], "project.not_found");
    assert!(matches!(ask("default", "first").await, RequestOutcome::Accepted(_)));
    let vault = json!({ "name": "vault", "created_at": Timestamp(1) }).to_string();
    world.records.keep("project", "", "vault", None, vault).await.unwrap().unwrap();
    assert!(
        matches!(ask("vault", "second").await, RequestOutcome::Accepted(_)),
        "known as soon as it is kept"
    );
    world.end().await;
}

#[tokio::test]
async fn a_quota_binds_as_soon_as_the_project_has_it_and_its_refusals_are_kept() {
    let world = World::start().await;
    world.ask(Verb::Submit, "before", json!({ "source": WORKFLOW })).await;
    assert!(matches!(world.outcome("before").await, RequestOutcome::Accepted(_)));
    let created_at = serde_json::to_value(Timestamp(1)).unwrap();
    let document = json!({ "name": "lab", "quotas": { "open_runs": 1 }, "created_at": created_at });
    let kept = world.records.kept("project", "", "lab").await.unwrap().unwrap();
    let changed = world.records.keep("project", "", "lab", Some(kept.version), document.to_string()).await;
    changed.unwrap().unwrap();
    let notice = Notice::new("project", "", "lab");
    let mut number = 0;
    let errors = loop {
        // Lossy: it is said again until it was heard.
        world.bus.publish_live(&notice).await;
        number += 1;
        assert!(number < 300, "the quota never binds");
        let key = format!("after-{number}");
        world.ask(Verb::Submit, &key, json!({ "source": WORKFLOW })).await;
        if let RequestOutcome::Rejected(errors) = world.outcome(&key).await {
            break errors;
        }
    };
    assert_eq!(errors[0]["code"], "quota.open_runs");
    assert!(errors[0]["message"].as_str().unwrap().contains("its quota is 1"), "{errors:?}");
    let last = format!("after-{number}");
    world.ask(Verb::Submit, &last, json!({ "source": WORKFLOW })).await;
    world.ask(Verb::Submit, "later", json!({ "source": WORKFLOW })).await;
    assert!(matches!(world.outcome("later").await, RequestOutcome::Rejected(_)));
    assert_eq!(world.outcome(&last).await, RequestOutcome::Rejected(errors), "the same key, the same answer");
    world.end().await;
}

#[tokio::test]
async fn a_request_outlives_any_number_of_starts_during_maintenance() {
    let mut world = World::start().await;
    let body = json!({ "reason": "new disks", "by": "anna", "since": Timestamp(1) }).to_string();
    let version = world.records.keep("maintenance", "", "installation", None, body).await.unwrap().unwrap();
    world.restart().await;
    world.ask(Verb::Submit, "waits", json!({ "source": WORKFLOW })).await;
    for _ in 0..=MAX_DELIVERIES {
        world.restart().await;
        assert!(world.claim().await.is_ok(), "it is at work");
    }
    assert_eq!(world.records.request(&project(), "waits").await.unwrap(), None);
    assert!(world.records.drop_kept("maintenance", "", "installation", version).await.unwrap());
    let outcome = || async {
        // Lossy: it is said again until it was heard.
        world.bus.publish_live(&Notice::new("maintenance", "", "installation")).await;
        world.records.request(&project(), "waits").await.unwrap().map(|record| record.outcome)
    };
    let outcome = eventually("the request is decided", outcome).await;
    assert!(matches!(outcome, RequestOutcome::Accepted(_)), "{outcome:?}");
    world.end().await;
}

impl World {
    /// What a queue holds and waits for; none when there is no such queue.
    async fn queue(&self, name: &str) -> Option<QueueFigure> {
        let figures = self.bus.call::<_, QueueFigures>(&AskQueues {}, Duration::from_secs(10)).await.ok()?;
        figures.queues.into_iter().find(|figure| figure.name.as_str() == name)
    }
}

#[tokio::test]
async fn a_queue_can_be_named_before_the_scheduler_was_told_of_it() {
    let world = World::start().await;
    let rules = json!({ "weight": 3 }).to_string();
    world.records.keep("queue", "", "day", None, rules).await.unwrap().unwrap();
    world.ask(Verb::Submit, "at-once", json!({ "source": WORKFLOW, "queue": "day" })).await;
    let outcome = world.outcome("at-once").await;
    assert!(matches!(outcome, RequestOutcome::Accepted(_)), "{outcome:?}");
    assert_eq!(world.queue("day").await.map(|queue| queue.waiting), Some(1), "its rules came with the run");
    world.end().await;
}

#[tokio::test]
async fn a_run_waits_in_the_queue_that_it_names_also_after_a_restart() {
    let mut world = World::start().await;
    world.ask(Verb::Submit, "unknown", json!({ "source": WORKFLOW, "queue": "nigth" })).await;
    let outcome = world.outcome("unknown").await;
    let RequestOutcome::Rejected(errors) = &outcome else { panic!("{outcome:?}") };
    assert_eq!(errors[0]["code"], "queue.not_found", "{errors:?}");

    let rules = json!({ "weight": 3 }).to_string();
    world.records.keep("queue", "", "night", None, rules).await.unwrap().unwrap();
    let known = || async {
        // Lossy: it is said again until it was heard.
        world.bus.publish_live(&Notice::new("queue", "", "night")).await;
        world.queue("night").await
    };
    assert_eq!(eventually("the queue is known", known).await.waiting, 0);
    world.ask(Verb::Submit, "named", json!({ "source": WORKFLOW, "queue": "night" })).await;
    let outcome = world.outcome("named").await;
    assert!(matches!(outcome, RequestOutcome::Accepted(_)), "{outcome:?}");
    world.ask(Verb::Submit, "again", json!({ "source": WORKFLOW, "queue": "nigth" })).await;
    let outcome = world.outcome("again").await;
    let RequestOutcome::Rejected(errors) = &outcome else { panic!("{outcome:?}") };
    assert_eq!(errors[0]["hint"], "did you mean `night`?", "{errors:?}");

    for _ in 0..2 {
        let waits = || async { world.queue("night").await.filter(|figure| figure.waiting == 1) };
        assert!(eventually("it waits there", waits).await.oldest.is_some());
        world.restart().await;
    }
    world.end().await;
}

#[tokio::test]
async fn a_run_is_repeated_with_other_inputs_or_refused_with_the_place() {
    let world = World::start().await;
    let source = "version: 1\nname: story\ninputs: { n: { type: integer, default: 1 } }\nfairness_key: 'n-${{ inputs.n }}'\n\
                  tasks: { a: { image: busybox }, b: { image: busybox, command: ['${{ inputs.n }}'] } }\n";
    world.ask(Verb::Submit, "old", json!({ "source": source })).await;
    let RequestOutcome::Accepted(old) = world.outcome("old").await else { panic!("rejected") };

    // It is open, so something must be said of what is to be repeated.
    world.ask(Verb::Retry, "plain", json!({ "run": old })).await;
    let RequestOutcome::Rejected(errors) = world.outcome("plain").await else { panic!("accepted") };
    assert_eq!(errors[0]["code"], "run.state_conflict");
    let wrong = json!({ "run": old, "inputs": { "n": "many", "m": 1 } });
    world.ask(Verb::Retry, "wrong", wrong).await;
    let RequestOutcome::Rejected(errors) = world.outcome("wrong").await else { panic!("accepted") };
    let places: Vec<_> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    assert_eq!(places, ["/inputs/m", "/inputs/n"]);
    world.ask(Verb::Retry, "unknown", json!({ "run": old, "tasks": ["c"] })).await;
    let RequestOutcome::Rejected(errors) = world.outcome("unknown").await else { panic!("accepted") };
    assert_eq!(errors[0]["code"], "task.not_found");

    world.ask(Verb::Retry, "again", json!({ "run": old, "inputs": { "n": 5 } })).await;
    let RequestOutcome::Accepted(again) = world.outcome("again").await else { panic!("rejected") };
    let summary = emboflow_records::fresh_run(&*world.records, again).await.unwrap().unwrap();
    assert_eq!((summary.recovered_from, &summary.inputs["n"]), (Some(old), &json!(5)));
    assert_eq!(summary.fairness_key.as_deref(), Some("n-5"), "the file gave the old one");
    world.end().await;
}
