//! Notifications as receivers get them: the service as a whole, on real records and a real nats-server.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod asked;
mod mail;
mod receiver;
mod world;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use emboflow_model::RunState;
use emboflow_protocol::run_ended::RunEnded;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use crate::mail::MailServer;
use crate::receiver::Receiver;
use crate::world::{KEY, World, eventually};

const LOOPBACK: &str = "127.0.0.0/8";

fn to(receiver: &Receiver) -> serde_json::Value {
    json!({ "webhook": { "url": receiver.url(), "secret": "hook" } })
}

#[tokio::test]
async fn a_failed_run_is_told_with_a_signature_that_its_receiver_can_check() {
    let world = World::start(json!({ "allowed_networks": [LOOPBACK], "plain_http": true })).await;
    let receiver = Receiver::start(&[]).await;
    world.keep_secret("hook", KEY).await;
    world.keep("on-call", json!({ "to": to(&receiver) })).await;
    let good = world.end_run("good", RunState::Succeeded).await;
    let bad = world.end_run("bad", RunState::Failed).await;
    let request = eventually("the failed run is told", async || receiver.got().first().cloned()).await;

    let event: RunEnded = serde_json::from_slice(&request.body).unwrap();
    assert_eq!((event.subject, event.data.run.state), (bad, RunState::Failed));
    assert_eq!(event.id, format!("on-call/{bad}"));
    assert_eq!(event.data.url, Some(format!("https://flow.example/projects/default/runs/{bad}")));
    assert_eq!(request.header("content-type"), "application/cloudevents+json");
    assert_eq!(request.header("webhook-id"), event.id);
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    mac.update(format!("{}.{}.", event.id, request.header("webhook-timestamp")).as_bytes());
    mac.update(&request.body);
    let wanted = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    assert_eq!(request.header("webhook-signature"), wanted);

    let history = world.history("on-call", 1).await;
    assert_eq!((history[0].run, history[0].error.as_deref(), history[0].tries), (bad, None, 1));
    assert!(receiver.got().iter().all(|request| !request.text().contains(&good.to_string())));
    world.end().await;
}

#[tokio::test]
async fn what_a_receiver_could_not_take_comes_again_with_the_same_id() {
    let world = World::start(json!({ "allowed_networks": [LOOPBACK], "plain_http": true })).await;
    let receiver = Receiver::start(&[503]).await;
    world.keep_secret("hook", KEY).await;
    world.keep("on-call", json!({ "to": to(&receiver) })).await;
    world.end_run("bad", RunState::Failed).await;
    let all = eventually("it comes again", async || Some(receiver.got()).filter(|got| got.len() == 2)).await;
    assert_eq!(all[0].header("webhook-id"), all[1].header("webhook-id"));
    assert_eq!(world.history("on-call", 1).await[0].tries, 2);
    world.end().await;
}

#[tokio::test]
async fn a_receiver_that_is_gone_for_good_is_not_asked_again() {
    let world = World::start(json!({ "allowed_networks": [LOOPBACK], "plain_http": true })).await;
    let receiver = Receiver::start(&[410]).await;
    world.keep_secret("hook", KEY).await;
    world.keep("on-call", json!({ "to": to(&receiver) })).await;
    world.end_run("bad", RunState::Failed).await;
    let history = world.history("on-call", 1).await;
    assert_eq!((history[0].tries, history[0].delivered_at), (1, None));
    assert!(history[0].error.as_deref().unwrap().contains("410"), "{history:?}");
    world.end().await;
}

#[tokio::test]
async fn what_was_noted_is_sent_after_a_restart() {
    let mut world = World::start(json!({ "allowed_networks": [LOOPBACK], "plain_http": true })).await;
    let receiver = Receiver::start(&[503]).await;
    world.keep_secret("hook", KEY).await;
    world.keep("on-call", json!({ "to": to(&receiver) })).await;
    world.end_run("bad", RunState::Failed).await;
    eventually("it is tried", async || receiver.got().first().cloned()).await;
    world.stop().await;
    let while_away = world.end_run("away", RunState::TimedOut).await;
    world.start_again().await;
    let history = world.history("on-call", 2).await;
    assert!(history.iter().all(|delivery| delivery.delivered_at.is_some()), "{history:?}");
    assert!(history.iter().any(|delivery| delivery.run == while_away));
    world.end().await;
}

#[tokio::test]
async fn a_receiver_that_never_answers_holds_up_nobody_else() {
    let world = World::start(json!({ "allowed_networks": [LOOPBACK], "plain_http": true })).await;
    let (silent, quick) = (Receiver::silent().await, Receiver::start(&[]).await);
    world.keep_secret("hook", KEY).await;
    world.keep("silent", json!({ "to": to(&silent) })).await;
    world.keep("quick", json!({ "to": to(&quick) })).await;
    for n in 0..5 {
        world.end_run(&format!("bad-{n}"), RunState::Failed).await;
    }
    assert_eq!(world.history("quick", 5).await.len(), 5);
    world.end().await;
}

#[tokio::test]
async fn an_address_that_is_not_public_is_not_reached_and_the_delivery_says_so() {
    let world = World::start(json!({ "plain_http": true })).await;
    let receiver = Receiver::start(&[]).await;
    world.keep_secret("hook", KEY).await;
    world.keep("loopback", json!({ "to": to(&receiver) })).await;
    let metadata = "http://169.254.169.254/latest/meta-data";
    world.keep("metadata", json!({ "to": { "webhook": { "url": metadata, "secret": "hook" } } })).await;
    let named = receiver.url().replace("127.0.0.1", "localhost");
    world.keep("named", json!({ "to": { "webhook": { "url": named, "secret": "hook" } } })).await;
    world.end_run("bad", RunState::Failed).await;
    for (name, why) in
        [("loopback", "this machine itself"), ("named", "this machine itself"), ("metadata", "link-local")]
    {
        let error = world.error_of(name).await;
        assert!(error.contains(why) && error.contains("notify.allowed_networks"), "{name}: {error}");
    }
    assert!(receiver.got().is_empty());
    world.end().await;
}

#[tokio::test]
async fn a_webhook_without_its_secret_waits_for_it_and_says_so() {
    let world = World::start(json!({ "allowed_networks": [LOOPBACK], "plain_http": true })).await;
    let receiver = Receiver::start(&[]).await;
    world.keep("on-call", json!({ "to": to(&receiver) })).await;
    world.end_run("bad", RunState::Failed).await;
    let error = world.error_of("on-call").await;
    assert!(error.contains("no secret 'hook'"), "{error}");
    world.keep_secret("hook", KEY).await;
    assert_eq!(world.history("on-call", 1).await[0].error, None);
    world.end().await;
}

#[tokio::test]
async fn a_mail_says_which_run_ended_how() {
    let server = MailServer::start().await;
    let (host, port) = server.address();
    let smtp = json!({ "host": host, "port": port, "tls": "none", "from": "EmboFlow <flow@example.org>" });
    let world = World::start(json!({ "smtp": smtp })).await;
    let addresses = ["lab@example.org", "ops@example.org"];
    world
        .keep("team", json!({ "to": { "email": { "addresses": addresses } }, "states": ["cancelled"] }))
        .await;
    let run = world.end_run("stopped", RunState::Cancelled).await;
    let mail = eventually("a mail", async || server.got().first().cloned()).await;
    assert_eq!(mail.to, addresses);
    assert_eq!(mail.from, "flow@example.org");
    assert!(mail.text.contains("Subject: [default] story cancelled"), "{}", mail.text);
    assert!(mail.text.contains(&run.to_string()), "{}", mail.text);
    assert_eq!(world.history("team", 1).await[0].error, None);
    world.end().await;
}

#[tokio::test]
async fn a_topic_carries_the_same_document() {
    let world = World::start(json!({})).await;
    let filter = RunEnded::filter(&"default".parse().unwrap());
    let mut messages = world.bus.subscribe(filter).await.unwrap();
    world.keep("robots", json!({ "to": { "nats": { "topic": "ends" } }, "states": ["succeeded"] })).await;
    let run = world.end_run("good", RunState::Succeeded).await;
    let message = tokio::time::timeout(Duration::from_secs(60), messages.next()).await.unwrap().unwrap();
    assert_eq!(message.subject, "emboflow.notification.default.ends");
    let event: RunEnded = serde_json::from_slice(&message.payload).unwrap();
    assert_eq!((event.subject, event.data.topic.as_deref()), (run, Some("ends")));
    world.end().await;
}

#[tokio::test]
async fn a_paused_notification_tells_nothing_of_what_ends_meanwhile() {
    let world = World::start(json!({})).await;
    let spec = json!({ "to": { "nats": { "topic": "ends" } } });
    let version = world.keep("robots", spec).await;
    let version = world.pause("robots", version, true).await;
    world.end_run("meanwhile", RunState::Failed).await;
    // Who is not paused shows that the run has been looked at.
    world.keep("other", json!({ "to": { "nats": { "topic": "ends" } } })).await;
    world.end_run("seen", RunState::Failed).await;
    world.history("other", 1).await;
    world.pause("robots", version, false).await;
    let after = world.end_run("after", RunState::Failed).await;
    let history = world.history("robots", 1).await;
    assert_eq!(history.iter().map(|delivery| delivery.run).collect::<Vec<_>>(), [after]);
    world.end().await;
}

#[tokio::test]
async fn one_that_cannot_be_read_keeps_nobody_from_the_others() {
    let world = World::start(json!({})).await;
    world.keep_text("broken", "{\"spec\": 7").await;
    world.keep("robots", json!({ "to": { "nats": { "topic": "ends" } } })).await;
    world.end_run("bad", RunState::Failed).await;
    assert_eq!(world.history("robots", 1).await[0].error, None);
    world.end().await;
}
