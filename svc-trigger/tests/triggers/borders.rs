use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::stream::Config;
use emboflow_model::trigger::{StartResult, TRIGGERS, TriggerDocument, TriggerKind};
use emboflow_protocol::notice::Notice;
use serde_json::json;

use crate::world::{World, eventually};

/// Keeps a trigger whose subject the file's checks would refuse, as an older version may have kept it.
async fn keep_listening_to(world: &World, name: &str, subject: &str) -> TriggerDocument {
    let source = "{ nats: { subject: door.open, inputs: { day: '${{ event.subject }}' } } }";
    let mut document = world.keep(name, source, 1).await;
    let TriggerKind::Nats(spec) = &mut document.spec.on else { panic!("it listens") };
    spec.subject = Some(subject.to_owned());
    world.put(&document).await;
    document
}

/// Waits until its history says that it may not listen, and why.
async fn is_refused(world: &World, trigger: &str, why: &str) {
    eventually(&format!("{trigger} is refused: {why}"), || async {
        let state = world.state(trigger).await;
        let says = |message: &Option<String>| message.as_ref().is_some_and(|text| text.contains(why));
        let is_it = |result: StartResult| result == StartResult::Failed;
        state.history.iter().any(|start| is_it(start.result) && says(&start.message)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_trigger_that_would_hear_the_platforms_own_subjects_hears_nothing() {
    let world = World::start().await;
    keep_listening_to(&world, "spy", "emboflow.event.>").await;
    let service = world.service().await;
    is_refused(&world, "spy", "the platform's own").await;
    world.keep("door", "{ nats: { subject: door.open } }", 1).await;
    let client = async_nats::connect(world.nats.url()).await.unwrap();
    eventually("the other one goes on", || async {
        client.publish("emboflow.event.lab.run-1", "{}".into()).await.unwrap();
        client.publish("door.open", "{}".into()).await.unwrap();
        client.flush().await.unwrap();
        (!world.runs("door").await.is_empty()).then_some(())
    })
    .await;
    service.stop().await;
    assert!(world.runs("spy").await.is_empty());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_that_cannot_be_read_stops_and_goes_on_where_it_was_when_it_can() {
    let world = World::start().await;
    let jetstream = world.jetstream().await;
    let config = Config { name: "JOBS".to_owned(), subjects: vec!["jobs".to_owned()], ..Config::default() };
    let stream = jetstream.create_stream(config).await.unwrap();
    let job = async || jetstream.publish("jobs", "{}".into()).await.unwrap().await.unwrap();
    let service = world.service().await;
    let document = world.keep("jobs", "{ nats: { stream: JOBS } }", 1).await;
    job().await;
    job().await;
    world.has_started("jobs", 2).await;
    let known = eventually("both are in the history", || async {
        let state = world.state("jobs").await;
        (state.history.len() >= 2).then_some(state)
    })
    .await;

    let mut newer = serde_json::to_value(&document).unwrap();
    newer["spec"]["on"]["nats"]["unheard_of"] = true.into();
    let kept = world.records.kept(TRIGGERS, "lab", "jobs").await.unwrap().unwrap();
    let written = world.records.keep(TRIGGERS, "lab", "jobs", Some(kept.version), newer.to_string()).await;
    assert!(written.unwrap().is_some());
    world.bus.publish_live(&Notice::new(TRIGGERS, "lab", "jobs")).await;
    is_refused(&world, "jobs", "cannot read").await;
    let state = world.state("jobs").await;
    assert!(known.history.iter().all(|start| state.history.iter().any(|now| now.key == start.key)));
    let consumer = format!("emboflow-trigger-{}", document.id);
    assert!(stream.get_consumer::<pull::Config>(&consumer).await.is_ok(), "its consumer stays");

    job().await;
    world.put(&document).await;
    assert_eq!(world.has_started("jobs", 3).await.len(), 3);
    service.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_takes_only_what_its_project_was_given_of_other_systems() {
    let world = World::start().await;
    let jetstream = world.jetstream().await;
    for name in ["OURS", "THEIRS"] {
        let subjects = vec![format!("{}.jobs", name.to_lowercase())];
        let config = Config { name: name.to_owned(), subjects, ..Config::default() };
        jetstream.create_stream(config).await.unwrap();
        jetstream.publish(format!("{}.jobs", name.to_lowercase()), "{}".into()).await.unwrap().await.unwrap();
    }
    world.keep("wide", "{ nats: { subject: 'plant.>' } }", 1).await;
    world.keep("theirs", "{ nats: { stream: THEIRS } }", 1).await;
    world.keep("ours", "{ nats: { stream: OURS } }", 1).await;
    world.keep("door", "{ nats: { subject: plant.lab.door } }", 1).await;
    let given = json!([
        { "project": "lab", "subjects": ["plant.lab.>"], "streams": ["OURS"] },
        { "project": "other", "subjects": ["plant.>"], "streams": ["THEIRS"] },
    ]);
    let service = world.service_with(json!({ "nats": { "url": world.nats.url() }, "foreign": given })).await;
    is_refused(&world, "wide", "not for project 'lab'").await;
    is_refused(&world, "theirs", "not for project 'lab'").await;
    world.has_started("ours", 1).await;
    let client = async_nats::connect(world.nats.url()).await.unwrap();
    eventually("its own subject is heard", || async {
        client.publish("plant.lab.door", "{}".into()).await.unwrap();
        client.flush().await.unwrap();
        (!world.runs("door").await.is_empty()).then_some(())
    })
    .await;
    service.stop().await;
    assert!(world.runs("wide").await.is_empty() && world.runs("theirs").await.is_empty());
    world.end().await;
}
