//! People are told that a run waits for them.

use std::time::Duration;

use emboflow_model::RunState;
use emboflow_protocol::approval_asked::{APPROVAL_ASKED, ApprovalAsked};
use emboflow_protocol::run_ended::RunEnded;
use serde_json::json;

use crate::mail::MailServer;
use crate::receiver::Receiver;
use crate::world::{KEY, World, eventually};
use crate::{LOOPBACK, to};

#[tokio::test]
async fn a_run_that_waits_for_a_person_is_told_with_what_is_asked_and_until_when() {
    let world = World::start(json!({})).await;
    let filter = RunEnded::filter(&"default".parse().unwrap());
    let mut messages = world.bus.subscribe(filter).await.unwrap();
    let asks = json!({ "to": { "nats": { "topic": "people" } }, "states": [], "approvals": true });
    world.keep("people", asks).await;
    world.keep("ends", json!({ "to": { "nats": { "topic": "ends" } } })).await;
    let run = world.ask("waiting").await[0].run;
    let message = tokio::time::timeout(Duration::from_secs(60), messages.next()).await.unwrap().unwrap();
    assert_eq!(message.subject, "emboflow.notification.default.people");
    let event: ApprovalAsked = serde_json::from_slice(&message.payload).unwrap();
    assert_eq!((event.kind.as_str(), event.subject), (APPROVAL_ASKED, run));
    assert_eq!(event.id, format!("people/{run}/review"));
    assert_eq!((event.data.task.to_string().as_str(), event.data.run.id), ("review", run));
    assert_eq!(event.data.approval.question.message, "Is the model good?");
    assert_eq!(event.data.approval.question.ends_at.unwrap().ms_since(event.time), 86_400_000);
    assert_eq!(event.data.url, Some(format!("https://flow.example/projects/default/runs/{run}")));

    // Who wants to know of ends is not told of questions, and the other way round.
    let bad = world.end_run("bad", RunState::Failed).await;
    assert_eq!(world.history("ends", 1).await.iter().map(|it| it.run).collect::<Vec<_>>(), [bad]);
    let history = world.history("people", 1).await;
    let told: Vec<_> = history.iter().map(|it| (it.run, it.task.as_ref().map(ToString::to_string))).collect();
    assert_eq!(told, [(run, Some("review".to_owned()))]);
    world.end().await;
}

#[tokio::test]
async fn a_mail_says_what_is_asked() {
    let server = MailServer::start().await;
    let (host, port) = server.address();
    let smtp = json!({ "host": host, "port": port, "tls": "none", "from": "EmboFlow <flow@example.org>" });
    let world = World::start(json!({ "smtp": smtp })).await;
    let addresses = ["lab@example.org"];
    world.keep("team", json!({ "to": { "email": { "addresses": addresses } }, "approvals": true })).await;
    let run = world.ask("waiting").await[0].run;
    let mail = eventually("a mail", async || server.got().first().cloned()).await;
    assert_eq!(mail.to, addresses);
    for words in ["Subject: [default] story asks about review", "Is the model good?", &run.to_string()] {
        assert!(mail.text.contains(words), "{words}: {}", mail.text);
    }
    world.end().await;
}

#[tokio::test]
async fn what_was_asked_while_nobody_was_there_to_tell_it_is_told_later() {
    let mut world = World::start(json!({ "allowed_networks": [LOOPBACK], "plain_http": true })).await;
    let receiver = Receiver::start(&[]).await;
    world.keep_secret("hook", KEY).await;
    world.keep("people", json!({ "to": to(&receiver), "approvals": true })).await;
    world.stop().await;
    let run = world.ask("away").await[0].run;
    world.start_again().await;
    let request = eventually("it is told", async || receiver.got().first().cloned()).await;
    assert_eq!(request.header("webhook-id"), format!("people/{run}/review"));
    let event: ApprovalAsked = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(event.id, request.header("webhook-id"));
    assert_eq!(world.history("people", 1).await[0].run, run);
    world.end().await;
}

#[tokio::test]
async fn nobody_is_asked_any_more_about_what_was_decided_meanwhile() {
    let world = World::start(json!({ "allowed_networks": [LOOPBACK], "plain_http": true })).await;
    let receiver = Receiver::start(&[503]).await;
    world.keep_secret("hook", KEY).await;
    world.keep("people", json!({ "to": to(&receiver), "approvals": true })).await;
    let log = world.ask("waiting").await;
    eventually("it is tried", async || receiver.got().first().cloned()).await;
    world.decide(&log).await;
    let history = world.history("people", 1).await;
    assert_eq!((history[0].delivered_at, history[0].tries), (None, 2));
    assert!(history[0].error.as_deref().unwrap().contains("nobody is asked any more"), "{history:?}");
    assert_eq!(receiver.got().len(), 1);
    world.end().await;
}
