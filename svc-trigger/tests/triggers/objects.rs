//! Triggers on new objects: exactly one run for each content, however it comes into the store.

use std::collections::BTreeSet;

use emboflow_model::trigger::{Pause, StartResult};
use emboflow_model::workflow::parse_trigger;
use emboflow_objects::testing::weed;
use emboflow_protocol::object_created::ObjectCreated;
use futures::{StreamExt, stream};

use crate::storage::{Gateway, NEVER_MS, put_past};
use crate::world::{Accepted, World, eventually, now, project};

const ON: &str = "{ object_created: { prefix: in/, inputs: { day: '${{ event.data.key }}' } } }";

fn keys(runs: &[Accepted]) -> Vec<&str> {
    runs.iter().map(|run| run.inputs["day"].as_str().unwrap()).collect()
}

/// Waits until a file that is written now is told from one that was written before: their clock ticks coarsely.
async fn a_moment_later() {
    let from = now().0;
    eventually("the clock goes on", || async move { (now().0 > from + 20).then_some(()) }).await;
}

/// Waits until the trigger has looked through everything since now.
async fn has_looked(world: &World, trigger: &str) {
    let from = now();
    eventually("the trigger has looked", || async {
        world.state(trigger).await.objects.filter(|place| place.swept_at > Some(from)).map(drop)
    })
    .await;
}

/// Waits until the trigger has looked through everything once.
async fn has_begun(world: &World, trigger: &str) {
    eventually("the trigger has begun", || async {
        world.state(trigger).await.objects.and_then(|place| place.swept_at).map(drop)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_content_of_an_object_starts_one_run_however_often_it_is_told_and_put() {
    let world = World::start().await;
    let gateway = Gateway::start(&world).await;
    gateway.put("lab/in/old", "1").await;
    a_moment_later().await;
    world.keep("files", ON, 0).await;
    // It looks by itself once, at the beginning: the rest is what it is told.
    let service = world.service_with(gateway.settings(&world, NEVER_MS)).await;
    has_begun(&world, "files").await;
    gateway.put("lab/in/a b/größe.csv", "1").await;
    let runs = world.has_started("files", 1).await;
    assert_eq!(keys(&runs), ["in/a b/größe.csv"]);
    // The same bytes again, told three times, are the same content.
    gateway.put("lab/in/a b/größe.csv", "1").await;
    for _ in 0..3 {
        world.bus.publish_live(&ObjectCreated::of("lab/in/a b/größe.csv").unwrap()).await;
    }
    for (content, count) in [("2", 2), ("1", 3)] {
        gateway.put("lab/in/a b/größe.csv", content).await;
        assert_eq!(world.has_started("files", count).await.len(), count, "a content that comes back is new");
    }
    gateway.put("lab/in/last", "1").await;
    let runs = world.has_started("files", 4).await;
    assert_eq!((runs.len(), keys(&runs)[3]), (4, "in/last"));
    gateway.end();
    service.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_says_what_the_object_is_and_a_pattern_chooses() {
    let world = World::start().await;
    let gateway = Gateway::start(&world).await;
    let day = "${{ event.type + ' ' + event.subject + ' ' + event.data.name + ' ' + string(event.data.size_bytes) + ' ' + event.data.etag }}";
    world
        .keep(
            "csv",
            &format!(
                "{{ object_created: {{ prefix: in, pattern: '**/*.csv', inputs: {{ day: \"{day}\" }} }} }}"
            ),
            1,
        )
        .await;
    let service = world.service_with(gateway.settings(&world, NEVER_MS)).await;
    has_begun(&world, "csv").await;
    for key in ["lab/in/a.txt", "lab/in/a.csv/x", "lab/out/a.csv", "lab/incoming/2026/a.csv"] {
        gateway.put(key, "hello").await;
    }
    let runs = world.has_started("csv", 1).await;
    let etag = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let said = format!("object_created incoming/2026/a.csv a.csv 5 {etag}");
    assert_eq!((runs.len(), runs[0].inputs["day"].as_str()), (1, Some(said.as_str())));
    assert!(runs[0].key.starts_with("trigger/id-csv/object/"));
    gateway.end();
    service.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_straight_into_s3_is_found_by_the_listing() {
    let world = World::start().await;
    let settings = weed::bucket("triggers").await;
    put_past(&settings, "lab/in/old.csv", "old").await;
    let gateway = Gateway::on_s3(settings.clone()).await;
    let on = "{ object_created: { prefix: in/, inputs: { day: '${{ event.data.key + \" \" + event.data.content_type }}' } } }";
    world.keep("files", on, 0).await;
    let service = world.service_with(gateway.settings(&world, 200)).await;
    has_begun(&world, "files").await;
    put_past(&settings, "lab/in/new.csv", "new").await;
    put_past(&settings, "other/in/theirs.csv", "theirs").await;
    let runs = world.has_started("files", 1).await;
    assert_eq!(keys(&runs), ["in/new.csv text/csv"]);
    // Times of this server are exact to the second: the same size within one is another content nevertheless.
    put_past(&settings, "lab/in/new.csv", "wen").await;
    world.has_started("files", 2).await;
    put_past(&settings, "lab/in/new.csv", "wen").await;
    gateway.put("lab/in/through.csv", "x").await;
    let runs = world.has_started("files", 3).await;
    has_looked(&world, "files").await;
    assert_eq!((runs.len(), world.runs("files").await.len()), (3, 3));
    gateway.end();
    service.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_while_nobody_looks_is_made_up_for_and_what_is_old_never_starts_again() {
    let world = World::start().await;
    let gateway = Gateway::silent().await;
    gateway.put("lab/in/before", "0").await;
    a_moment_later().await;
    let mut document = world.keep("files", ON, 0).await;
    let service = world.service_with(gateway.settings(&world, 100)).await;
    has_begun(&world, "files").await;
    gateway.put("lab/in/1", "1").await;
    world.has_started("files", 1).await;
    service.stop().await;
    gateway.put("lab/in/2-down", "2").await;
    let service = world.service_with(gateway.settings(&world, 100)).await;
    world.has_started("files", 2).await;
    document.paused = Some(Pause { reason: None, since: now() });
    world.put(&document).await;
    service.stop().await;
    let service = world.service_with(gateway.settings(&world, 100)).await;
    gateway.put("lab/in/3-paused", "3").await;
    (document.paused, document.counts_from) = (None, now());
    world.put(&document).await;
    let runs = world.has_started("files", 3).await;
    assert_eq!(keys(&runs), ["in/1", "in/2-down", "in/3-paused"]);
    service.stop().await;

    // Long after: every key is forgotten, and a backup has brought all objects back as new files.
    let known = world.records.requests_after(0, 0, 1_000).await.unwrap();
    world.records.remove_requests(0, known).await.unwrap();
    let gateway = gateway.restored(&world).await;
    let service = world.service_with(gateway.settings(&world, 100)).await;
    gateway.put("lab/in/4", "4").await;
    world.has_started("files", 4).await;
    has_looked(&world, "files").await;
    assert_eq!(world.runs("files").await.len(), 4);
    gateway.end();
    service.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_that_is_made_anew_or_changed_begins_there() {
    let world = World::start().await;
    let gateway = Gateway::silent().await;
    let mut document = world.keep("files", ON, 1).await;
    gateway.put("lab/in/1", "1").await;
    gateway.put("lab/on/1", "1").await;
    let service = world.service_with(gateway.settings(&world, 100)).await;
    world.has_started("files", 1).await;
    // Another one of the same name.
    a_moment_later().await;
    (document.id, document.created_at, document.counts_from) = ("id-2".to_owned(), now(), now());
    world.put(&document).await;
    a_moment_later().await;
    gateway.put("lab/in/2", "2").await;
    world.has_started("files", 2).await;
    // And with another prefix.
    let other = parse_trigger(&format!(
        "version: 1\nname: files\nworkflow: report\non: {}\n",
        ON.replace("in/", "on/")
    ));
    (document.spec, document.counts_from) = (other.unwrap(), now());
    world.put(&document).await;
    a_moment_later().await;
    gateway.put("lab/on/2", "2").await;
    let runs = world.has_started("files", 3).await;
    has_looked(&world, "files").await;
    assert_eq!(world.runs("files").await.len(), 3);
    assert_eq!(keys(&runs), ["in/1", "in/2", "on/2"]);
    gateway.end();
    service.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_of_other_projects_start_nothing_whatever_is_told() {
    let world = World::start().await;
    let gateway = Gateway::start(&world).await;
    world.keep("files", ON, 1).await;
    let service = world.service_with(gateway.settings(&world, NEVER_MS)).await;
    has_begun(&world, "files").await;
    for key in ["other/in/a", "lab2/in/a", "la/in/a", "lab/inn/a", "lab/IN/a", "Lab/in/a"] {
        gateway.put(key, "x").await;
    }
    for key in ["../other/in/a", "in/../../other/in/a", "in/%2e%2e/%2e%2e/other/in/a", "", "in/"] {
        world.bus.publish_live(&ObjectCreated { project: project(), key: key.to_owned() }).await;
    }
    gateway.put("lab/in/own", "x").await;
    let runs = world.has_started("files", 1).await;
    assert_eq!(keys(&runs), ["in/own"]);
    gateway.end();
    service.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_objects_are_remembered_and_two_services_start_each_new_one_once() {
    let world = World::start().await;
    let gateway = Gateway::silent().await;
    let many: Vec<usize> = (0..2_000).collect();
    stream::iter(&many)
        .for_each_concurrent(32, |number| {
            gateway.put_owned(format!("lab/in/{number:05}"), number.to_string())
        })
        .await;
    a_moment_later().await;
    world.keep("files", ON, 0).await;
    let one = world.service_with(gateway.settings(&world, 100)).await;
    has_begun(&world, "files").await;
    let two = world.service_with(gateway.settings(&world, 100)).await;
    for number in (0..2_000).step_by(50) {
        gateway.put_owned(format!("lab/in/{number:05}-new"), "x".to_owned()).await;
    }
    let runs = world.has_started("files", 40).await;
    let started: BTreeSet<_> = keys(&runs).into_iter().collect();
    assert_eq!((runs.len(), started.len()), (40, 40));
    // What goes is forgotten, and what stays is not started again.
    stream::iter(&many)
        .filter(|number| std::future::ready(*number % 100 != 0))
        .for_each_concurrent(32, |number| gateway.delete(format!("lab/in/{number:05}")))
        .await;
    has_looked(&world, "files").await;
    gateway.put("lab/in/last", "x").await;
    world.has_started("files", 41).await;
    has_looked(&world, "files").await;
    assert_eq!(world.runs("files").await.len(), 41);
    gateway.end();
    one.stop().await;
    two.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_the_gateway_gives_nobody_is_in_the_history_once() {
    let world = World::start().await;
    let settings = weed::bucket("names").await;
    let gateway = Gateway::on_s3(settings.clone()).await;
    world.keep("files", ON, 1).await;
    let service = world.service_with(gateway.settings(&world, 100)).await;
    put_past(&settings, "lab/in/%2e%2e", "x").await;
    put_past(&settings, "lab/in/plain", "x").await;
    let runs = world.has_started("files", 1).await;
    assert_eq!(keys(&runs), ["in/plain"]);
    has_looked(&world, "files").await;
    let failed =
        world.state("files").await.history.into_iter().filter(|start| start.result == StartResult::Failed);
    assert_eq!(failed.map(|start| start.cause).collect::<Vec<_>>(), ["object in/%2e%2e"]);
    gateway.end();
    service.stop().await;
    world.end().await;
}
