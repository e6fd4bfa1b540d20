use emboflow_model::trigger::{Pause, Start, StartResult, TRIGGER_STATES, TriggerState};
use emboflow_model::{RunState, Timestamp};

use crate::world::{World, eventually, now};

const HOUR_MS: i64 = 3_600_000;
const HOURLY: &str = "{ schedule: { cron: '0 * * * *', missed: all, inputs: { day: '${{ event.time }}' } } }";

async fn missed_times_are_made_up_for_once_each(world: World) {
    world.keep("hourly", HOURLY, 3).await;
    let one = world.service().await;
    let runs = world.has_started("hourly", 3).await;
    for run in &runs {
        // The key and the input are the time itself, a whole hour.
        assert!(run.key.starts_with("trigger/id-hourly/") && run.key.ends_with(":00:00Z"), "{}", run.key);
        assert!(run.inputs["day"].as_str().unwrap().ends_with(":00:00.000Z"), "{}", run.inputs);
    }
    let written = eventually("the watermark is written, and the history decided", || async {
        let state = world.state("hourly").await;
        let decided = state.history.iter().filter(|start| start.result == StartResult::Started).count();
        (decided >= 3).then_some(state)
    })
    .await;
    assert!(written.watermark.unwrap() > Timestamp(now().0 - 2 * 3_600_000));
    assert!(written.history.iter().any(|start| start.run == Some(runs[0].run)));
    one.stop().await;

    // Another one goes on from the watermark.
    let two = world.service().await;
    world.keep("mark", HOURLY, 1).await;
    world.has_started("mark", 1).await;
    let again = world.runs("hourly").await;
    assert!(again.len() <= runs.len() + 1, "only an hour that has come meanwhile");
    two.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missed_times_are_made_up_for_once_each_on_sqlite() {
    missed_times_are_made_up_for_once_each(World::start().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missed_times_are_made_up_for_once_each_on_mongodb() {
    missed_times_are_made_up_for_once_each(World::with_mongo().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_services_start_each_time_once() {
    let world = World::start().await;
    let (one, two) = (world.service().await, world.service().await);
    world.keep("hourly", HOURLY, 12).await;
    let runs = world.has_started("hourly", 12).await;
    assert!(runs.len() <= 13);
    one.stop().await;
    two.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_run_goes_on_the_next_is_skipped_or_replaces_it() {
    let world = World::start().await;
    let service = world.service().await;
    let on =
        |overlap: &str| format!("{{ schedule: {{ cron: '0 * * * *', missed: all, overlap: {overlap} }} }}");
    // Without executors a run goes on until somebody ends it.
    world.keep("skipping", &on("skip"), 3).await;
    world.has_started("skipping", 1).await;
    eventually("the others are skipped", || async {
        let state = world.state("skipping").await;
        let skipped = state.history.iter().filter(|start| start.result == StartResult::Skipped).count();
        (skipped >= 2).then_some(())
    })
    .await;
    assert_eq!(world.runs("skipping").await.len(), 1);

    world.keep("replacing", &on("replace"), 3).await;
    let runs = world.has_started("replacing", 3).await;
    world.reached(runs[0].run, RunState::Cancelled).await;
    world.reached(runs[1].run, RunState::Cancelled).await;
    service.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_trigger_starts_nothing_and_a_bad_one_harms_no_other() {
    let world = World::start().await;
    let service = world.service().await;
    let mut paused = world.keep("paused", "{ nats: { subject: never.heard } }", 3).await;
    paused.spec = world.keep("model", HOURLY, 0).await.spec;
    paused.spec.name = "paused".parse().unwrap();
    paused.paused = Some(Pause { reason: None, since: now() });
    world.put(&paused).await;
    // Garbage in the place of a trigger, and a workflow that is not there.
    world.records.keep("trigger", "lab", "garbage", None, "not json".to_owned()).await.unwrap();
    world.keep_for("orphan", "nothing-there", HOURLY, 2).await;
    world.keep("good", HOURLY, 2).await;
    world.has_started("good", 2).await;
    let rejected = eventually("the orphan's requests are rejected", || async {
        let state = world.state("orphan").await;
        state.history.iter().find(|start| start.result == StartResult::Rejected).cloned()
    })
    .await;
    assert!(rejected.message.unwrap().contains("nothing-there"));
    assert!(world.runs("paused").await.is_empty() && world.runs("orphan").await.is_empty());
    service.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_that_are_left_out_are_in_the_history() {
    let world = World::start().await;
    let service = world.service().await;
    world.keep("lazy", "{ schedule: { cron: '30 */2 * * *', missed: none } }", 9).await;
    let missed = eventually("they are noted", || async {
        let state = world.state("lazy").await;
        state.history.iter().find(|start| start.result == StartResult::Missed).cloned()
    })
    .await;
    assert!(missed.cause.contains("times from"), "{}", missed.cause);
    assert!(world.state("lazy").await.watermark.is_some());
    service.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_due_while_nats_was_away_is_started_when_it_is_back() {
    let mut world = World::start().await;
    let service = world.service().await;
    world.keep("before", HOURLY, 1).await;
    world.has_started("before", 1).await;
    world.nats.kill();
    world.keep("hourly", HOURLY, 3).await;
    world.nats.restart().await;
    world.has_started("hourly", 3).await;
    service.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_nats_has_lost_is_published_again_under_its_own_key() {
    let world = World::start().await;
    let on = "{ schedule: { cron: '0 * * * *', overlap: replace, catch_up: 1d } }";
    let document = world.keep("hourly", on, 3).await;
    // As it is after a restore: the time was dealt with, its request was safely taken, and then the stream was emptied.
    let lost = Timestamp(now().0 - 2 * HOUR_MS - now().0 % HOUR_MS);
    let key = format!("trigger/{}/{}", document.id, lost.to_string().replace(".000Z", "Z"));
    let mut state = TriggerState::new(&document.id);
    state.advance(lost);
    state.note(Start {
        at: lost,
        cause: lost.to_string(),
        result: StartResult::Requested,
        key: Some(key.clone()),
        run: None,
        code: None,
        message: None,
    });
    let body = serde_json::to_string(&state).unwrap();
    assert!(world.records.kept(TRIGGER_STATES, "lab", "hourly").await.unwrap().is_none());
    world.records.keep(TRIGGER_STATES, "lab", "hourly", None, body).await.unwrap().unwrap();
    let service = world.service().await;
    let runs = world.has_started("hourly", 2).await;
    assert_eq!(runs[0].key, key, "the lost one first: the next one waits for it");
    assert_ne!(runs[1].key, key);
    service.stop().await;
    world.end().await;
}
