use async_nats::jetstream::consumer::{Consumer, DeliverPolicy, pull};
use async_nats::jetstream::stream::{Config, Stream};
use emboflow_model::trigger::{Pause, TriggerKind};

use crate::world::{World, eventually, now};

const CONSUMER: &str = "emboflow-trigger-id-jobs";

async fn make_stream(world: &World, name: &str, subject: &str) -> Stream {
    let config = Config { name: name.to_owned(), subjects: vec![subject.to_owned()], ..Config::default() };
    world.jetstream().await.create_stream(config).await.unwrap()
}

async fn job(world: &World, subject: &'static str) {
    world.jetstream().await.publish(subject, "{}".into()).await.unwrap().await.unwrap();
}

/// Waits until the trigger's own state says that the stream is settled up to here.
async fn is_settled(world: &World, stream: &str, sequence: u64) {
    eventually(&format!("{stream} is settled up to {sequence}"), || async {
        let state = world.state("jobs").await;
        state.settled_of(stream).is_some_and(|place| place.sequence == sequence).then_some(())
    })
    .await;
}

async fn consumer(stream: &Stream) -> Option<Consumer<pull::Config>> {
    stream.get_consumer(CONSUMER).await.ok()
}

/// Where the consumer of now has begun: messages before that never come.
async fn begins_at(stream: &Stream) -> DeliverPolicy {
    consumer(stream).await.unwrap().cached_info().config.deliver_policy
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_whose_consumer_the_server_has_forgotten_goes_on_where_it_was() {
    let world = World::start().await;
    let stream = make_stream(&world, "JOBS", "jobs").await;
    let mut trigger = world.keep("jobs", "{ nats: { stream: JOBS } }", 1).await;
    let service = world.service().await;
    for _ in 0..3 {
        job(&world, "jobs").await;
    }
    world.has_started("jobs", 3).await;
    is_settled(&world, "JOBS", 3).await;

    // A pause longer than a consumer lives, during which one message comes.
    trigger.paused = Some(Pause { reason: None, since: now() });
    world.put(&trigger).await;
    service.stop().await;
    stream.delete_consumer(CONSUMER).await.unwrap();
    job(&world, "jobs").await;
    trigger.paused = None;
    world.put(&trigger).await;

    let service = world.service().await;
    world.has_started("jobs", 4).await;
    assert_eq!(begins_at(&stream).await, DeliverPolicy::ByStartSequence { start_sequence: 4 });
    is_settled(&world, "JOBS", 4).await;
    service.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_that_follows_another_stream_and_then_the_first_again_starts_nothing_twice() {
    let world = World::start().await;
    let (first, other) =
        (make_stream(&world, "JOBS", "jobs").await, make_stream(&world, "OTHER", "other").await);
    let mut trigger = world.keep("jobs", "{ nats: { stream: JOBS } }", 1).await;
    let service = world.service().await;
    for _ in 0..2 {
        job(&world, "jobs").await;
    }
    world.has_started("jobs", 2).await;
    is_settled(&world, "JOBS", 2).await;

    let mut follow = async |stream: &str| {
        let TriggerKind::Nats(spec) = &mut trigger.spec.on else { panic!("it follows") };
        spec.stream = Some(stream.to_owned());
        world.put(&trigger).await;
    };
    follow("OTHER").await;
    job(&world, "other").await;
    world.has_started("jobs", 3).await;
    is_settled(&world, "OTHER", 1).await;
    eventually("the first consumer is gone", || async { consumer(&first).await.is_none().then_some(()) })
        .await;
    job(&world, "jobs").await;
    follow("JOBS").await;
    world.has_started("jobs", 4).await;
    assert_eq!(begins_at(&first).await, DeliverPolicy::ByStartSequence { start_sequence: 3 });
    eventually("the other consumer is gone", || async { consumer(&other).await.is_none().then_some(()) })
        .await;
    service.stop().await;
    world.end().await;
}
