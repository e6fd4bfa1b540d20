use std::os::unix::process::ExitStatusExt;
use std::process::Child;

use async_nats::jetstream::stream::Config;

use crate::storage::Gateway;
use crate::world::{World, eventually};

const SIGABRT: i32 = 6;

/// Waits until the process has died at its fail-point.
async fn died(mut process: Child) {
    let status = eventually("the process dies", || {
        let status = process.try_wait().unwrap();
        async move { status }
    })
    .await;
    assert_eq!(status.signal(), Some(SIGABRT), "{status}");
}

fn kill(mut process: Child) {
    process.kill().unwrap();
    process.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_between_request_and_watermark_starts_no_time_twice() {
    let world = World::start().await;
    world.keep("hourly", "{ schedule: { cron: '0 * * * *', missed: all } }", 5).await;
    // Each dies after its second request, before it notes anything of it.
    for _ in 0..3 {
        died(world.process(Some(2))).await;
    }
    let process = world.process(None);
    let runs = world.has_started("hourly", 5).await;
    assert!(runs.len() <= 6, "five hours, and one that may have come meanwhile");
    kill(process);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_between_request_and_settling_starts_no_message_twice() {
    let world = World::start().await;
    let jetstream = world.jetstream().await;
    let config = Config { name: "JOBS".to_owned(), subjects: vec!["jobs".to_owned()], ..Config::default() };
    jetstream.create_stream(config).await.unwrap();
    world.keep("jobs", "{ nats: { stream: JOBS, inputs: { day: '${{ event.data.day }}' } } }", 1).await;
    for number in 0..8 {
        let body = format!("{{\"day\": \"{number}\"}}");
        jetstream.publish("jobs", body.into()).await.unwrap().await.unwrap();
    }
    for _ in 0..2 {
        died(world.process(Some(3))).await;
    }
    // What was not settled comes again after half a minute.
    let process = world.process(None);
    let runs = world.has_started("jobs", 8).await;
    assert_eq!(runs.len(), 8);
    kill(process);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_between_request_and_memory_starts_no_object_twice() {
    let world = World::start().await;
    let gateway = Gateway::silent().await;
    world.keep("files", "{ object_created: { prefix: in/ } }", 1).await;
    for number in 0..8 {
        gateway.put(&format!("lab/in/{number}"), "x").await;
    }
    for _ in 0..2 {
        died(world.process_with(Some(3), &gateway.arguments(100))).await;
    }
    let process = world.process_with(None, &gateway.arguments(100));
    assert_eq!(world.has_started("files", 8).await.len(), 8);
    // What was asked for before the kills is known now: nothing follows.
    eventually("everything is known", || async {
        world.state("files").await.objects.and_then(|place| place.swept_at)
    })
    .await;
    assert_eq!(world.runs("files").await.len(), 8);
    kill(process);
    gateway.end();
    world.end().await;
}
