//! What users of a server can do, and what they cannot: a client with the key of each tries everything.

use async_nats::Client;
use bytes::Bytes;
use emboflow_protocol::rights::Part;
use emboflow_protocol::stream::{COMMANDS, EVENTS, INTAKE, REPORTS, STREAMS};

use super::eventually;
use crate::Bus;
use crate::testing::{Refusals, TestServer, TestUsers};

/// A platform with one executor, `exec-1`, that has a neighbour, and systems outside: two projects, and one that only
/// publishes.
async fn world() -> (TestUsers, TestServer, Bus) {
    let mut users = TestUsers::platform("exec-1");
    users.add_executor("exec-2");
    users.add_outside("robots", "lab", false);
    users.add_outside("sensor", "lab", true);
    users.add_outside("rival", "plant", false);
    let releaser = Part::Outside {
        project: "lab".parse().unwrap(),
        publish_only: false,
        decides: true,
        feeds: Vec::new(),
    };
    users.add("releaser", releaser);
    let server = TestServer::start_for(&users).await;
    let scheduler = server.bus_for(&users, "scheduler").await;
    scheduler.ensure_streams().await.unwrap();
    (users, server, scheduler)
}

/// Subjects to publish to, one of each family at least; `{p}` is a project and `{e}` an executor that is not the
/// client's own.
fn families(project: &str, executor: &str) -> Vec<String> {
    let mut all: Vec<String> = [
        "emboflow.request.{p}.submit",
        "emboflow.request.{p}.decide",
        "emboflow.event.{p}.run-1",
        "emboflow.reply.{p}.x.1",
        "emboflow.command.default.{e}",
        "emboflow.report.default.{e}",
        "emboflow.call.scheduler.claim.default.{e}",
        "emboflow.call.scheduler.claims.default.{e}",
        "emboflow.call.scheduler.explain",
        "emboflow.call.scheduler.forget",
        "emboflow.call.api.remove_objects",
        "emboflow.call.trigger.fire",
        "emboflow.call.health",
        "emboflow.log.{p}.run-1.train.1.{e}",
        "emboflow.progress.{p}.run-1.train.1.{e}",
        "emboflow.notice.project",
        "emboflow.notification.{p}.x",
        "emboflow.dead.{p}.x",
        "$KV.emboflow_executors.{e}",
        "$JS.ACK.EMBOFLOW_INTAKE.scheduler-intake.1.1.1.1.1",
        "$JS.ACK.EMBOFLOW_COMMANDS.executor-{e}.1.1.1.1.1",
        "$JS.FC.EMBOFLOW_EVENTS.x.y",
        "$JS.API.INFO",
        "$JS.API.STREAM.NAMES",
        "$JS.API.STREAM.LIST",
        "$JS.API.STREAM.CREATE.MINE",
        "$JS.API.CONSUMER.CREATE.EMBOFLOW_COMMANDS.executor-{e}.emboflow.command.default.{e}",
        "$JS.API.CONSUMER.CREATE.EMBOFLOW_COMMANDS.mine.emboflow.command.default.{e}",
        "$JS.API.CONSUMER.MSG.NEXT.EMBOFLOW_COMMANDS.executor-{e}",
        "$JS.API.CONSUMER.MSG.NEXT.EMBOFLOW_INTAKE.scheduler-intake",
        "$JS.API.CONSUMER.DELETE.EMBOFLOW_INTAKE.scheduler-intake",
        "$JS.API.ACCOUNT.PURGE.$G",
        "$JS.API.SERVER.REMOVE",
        "$SYS.REQ.SERVER.PING",
        "$SYS.REQ.SERVER.RELOAD",
        "$SRV.PING",
        "_INBOX.x",
        "_INBOX_api.x",
        "_INBOX_scheduler.x",
        "other.subject",
    ]
    .iter()
    .map(|subject| subject.replace("{p}", project).replace("{e}", executor))
    .collect();
    for stream in STREAMS.iter().map(|stream| stream.name).chain(["KV_emboflow_executors"]) {
        for call in [
            "STREAM.INFO",
            "STREAM.UPDATE",
            "STREAM.DELETE",
            "STREAM.PURGE",
            "STREAM.SNAPSHOT",
            "STREAM.RESTORE",
            "STREAM.MSG.GET",
            "STREAM.MSG.DELETE",
            "DIRECT.GET",
            "CONSUMER.NAMES",
            "CONSUMER.LIST",
        ] {
            all.push(format!("$JS.API.{call}.{stream}"));
        }
        all.push(format!("$JS.API.CONSUMER.CREATE.{stream}"));
        all.push(format!("$JS.API.CONSUMER.DURABLE.CREATE.{stream}.mine"));
    }
    all
}

/// What to listen to: all that is wide, that is others', and that is the system's.
fn ears(project: &str, executor: &str) -> Vec<String> {
    [
        ">",
        "*",
        "*.>",
        "*.*.*",
        "emboflow.>",
        "emboflow.*.>",
        "emboflow.*.lab.>",
        "emboflow.request.>",
        "emboflow.request.{p}.submit",
        "emboflow.event.>",
        "emboflow.event.*.*",
        "emboflow.event.{p}.>",
        "emboflow.event.{p}.*",
        "emboflow.reply.>",
        "emboflow.reply.{p}.>",
        "emboflow.reply.*.x.*",
        "emboflow.command.>",
        "emboflow.command.default.{e}",
        "emboflow.command.*.{e}",
        "emboflow.report.>",
        "emboflow.call.>",
        "emboflow.call.scheduler.claim.*.*",
        "emboflow.call.scheduler.claims.*.*",
        "emboflow.log.>",
        "emboflow.log.{p}.*.*.*.*",
        "emboflow.progress.>",
        "emboflow.dead.>",
        "emboflow.notice.>",
        "emboflow.notification.>",
        "$KV.>",
        "$KV.emboflow_executors.>",
        "$KV.emboflow_executors.*",
        "$JS.>",
        "$JS.API.>",
        "$JS.EVENT.>",
        "$JS.ACK.>",
        "$SYS.>",
        "$SYS.ACCOUNT.>",
        "$SRV.>",
        "_INBOX.>",
        "_INBOX_api.>",
        "_INBOX_scheduler.>",
        "_INBOX_*.>",
    ]
    .iter()
    .map(|subject| subject.replace("{p}", project).replace("{e}", executor))
    .collect()
}

async fn cannot_publish(client: &Client, refusals: &mut Refusals, subjects: &[String]) {
    for subject in subjects {
        client.publish(subject.clone(), Bytes::from_static(b"{}")).await.unwrap();
        client.flush().await.unwrap();
        refusals.wait_for(&format!("publish to \"{subject}\"")).await;
    }
}

async fn cannot_listen(client: &Client, refusals: &mut Refusals, subjects: &[String]) {
    for subject in subjects {
        let _alone = client.subscribe(subject.clone()).await.unwrap();
        client.flush().await.unwrap();
        refusals.wait_for(&format!("subscription to \"{subject}\"")).await;
        // The group in which services share their calls, and one of its own.
        for group in ["emboflow", "mine"] {
            let _shared = client.queue_subscribe(subject.clone(), group.to_owned()).await.unwrap();
            client.flush().await.unwrap();
            refusals.wait_for(&format!("subscription to \"{subject}\"")).await;
        }
    }
}

#[tokio::test]
async fn an_outside_system_reaches_nothing_but_its_own_project() {
    let (users, server, _scheduler) = world().await;
    for (name, sees) in [("robots", true), ("sensor", false)] {
        let (client, mut refusals) = users.client(&server.url(), name).await;
        cannot_publish(&client, &mut refusals, &families("plant", "exec-1")).await;
        cannot_listen(&client, &mut refusals, &ears("plant", "exec-1")).await;
        if !sees {
            let own = ["emboflow.event.lab.>", "emboflow.reply.lab.>"].map(str::to_owned);
            cannot_listen(&client, &mut refusals, &own).await;
        }
    }
}

#[tokio::test]
async fn who_may_start_runs_does_not_decide_on_their_tasks_unless_told_so() {
    let (users, server, scheduler) = world().await;
    let decide = "emboflow.request.lab.decide".to_owned();
    let said = "emboflow.decision.lab".to_owned();
    for name in ["robots", "sensor", "trigger"] {
        let (client, mut refusals) = users.client(&server.url(), name).await;
        cannot_publish(&client, &mut refusals, &[decide.clone(), said.clone()]).await;
    }
    let (releaser, mut refusals) = users.client(&server.url(), "releaser").await;
    let elsewhere = "emboflow.request.plant.decide".to_owned();
    cannot_publish(&releaser, &mut refusals, &[said, elsewhere]).await;
    let releaser = async_nats::jetstream::new(releaser);
    releaser.publish(decide, "{}".into()).await.unwrap().await.unwrap();
    assert_eq!(scheduler.stored_messages(&INTAKE).await.unwrap(), 1);
}

#[tokio::test]
async fn an_executor_reaches_nothing_of_another_one_nor_of_the_scheduler() {
    let (users, server, _scheduler) = world().await;
    let (client, mut refusals) = users.client(&server.url(), "exec-1").await;
    cannot_publish(&client, &mut refusals, &families("lab", "exec-2")).await;
    cannot_listen(&client, &mut refusals, &ears("lab", "exec-2")).await;
}

#[tokio::test]
async fn a_service_that_is_broken_into_gives_away_no_more_than_its_own_part() {
    let (users, server, _scheduler) = world().await;
    for name in ["gateway", "trigger", "api"] {
        let (client, mut refusals) = users.client(&server.url(), name).await;
        // What no service but the scheduler does, and what nobody does at all.
        let powers: Vec<_> = families("lab", "exec-1")
            .into_iter()
            .filter(|subject| {
                let scheduler = ["emboflow.command", "emboflow.report", "emboflow.event", "$SYS", "$JS.ACK"];
                scheduler.iter().any(|start| subject.starts_with(start))
                    || ["PURGE", "DELETE.", "UPDATE", "SNAPSHOT", "RESTORE", "LIST"]
                        .iter()
                        .any(|word| subject.contains(word))
            })
            .filter(|subject| !subject.contains("CONSUMER.DELETE.KV"))
            .collect();
        assert!(powers.len() > 40, "{powers:?}");
        cannot_publish(&client, &mut refusals, &powers).await;
        let ears = [
            ">",
            "emboflow.>",
            "emboflow.command.>",
            "emboflow.call.scheduler.>",
            "$JS.>",
            "$SYS.>",
            "_INBOX.>",
        ];
        cannot_listen(&client, &mut refusals, &ears.map(str::to_owned)).await;
    }
}

/// NATS sends the acknowledgement of a stored message wherever its publisher wants it. It says only where the message
/// lies, so it can be a nuisance and never an order.
#[tokio::test]
async fn an_acknowledgement_that_is_sent_elsewhere_orders_nothing() {
    let (users, server, scheduler) = world().await;
    let (rival, mut refusals) = users.client(&server.url(), "rival").await;
    let (lab, _quiet) = users.client(&server.url(), "robots").await;
    let lab = async_nats::jetstream::new(lab);
    lab.publish("emboflow.request.lab.submit", "{}".into()).await.unwrap().await.unwrap();
    let mut sent = 1;
    for call in ["PURGE", "DELETE", "MSG.DELETE", "UPDATE", "SNAPSHOT"] {
        for stream in [INTAKE, EVENTS, COMMANDS, REPORTS] {
            let reply = format!("$JS.API.STREAM.{call}.{}", stream.name);
            rival.publish_with_reply("emboflow.request.plant.submit", reply, "{}".into()).await.unwrap();
            sent += 1;
        }
    }
    let reply = "$JS.ACK.EMBOFLOW_INTAKE.scheduler-intake.1.1.1.1.1";
    rival.publish_with_reply("emboflow.request.plant.submit", reply, "{}".into()).await.unwrap();
    rival.flush().await.unwrap();
    refusals.wait_for("with reply").await;
    eventually(60, "every request is kept", || async {
        scheduler.stored_messages(&INTAKE).await.unwrap() == sent
    })
    .await;
    for stream in STREAMS {
        scheduler.stream_state(stream).await.unwrap();
    }
}
