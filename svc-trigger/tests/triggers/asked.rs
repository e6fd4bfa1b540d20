use std::time::Duration;

use emboflow_model::Timestamp;
use emboflow_model::trigger::Pause;
use emboflow_protocol::trigger::{Fire, FireAnswer, FireCause};
use serde_json::json;

use crate::world::{World, eventually, now, project};

async fn ask(world: &World, trigger: &str, cause: FireCause) -> FireAnswer {
    let fire = Fire { project: project(), trigger: trigger.parse().unwrap(), cause };
    eventually("the service answers", || async {
        world.bus.call::<_, FireAnswer>(&fire, Duration::from_secs(30)).await.ok()
    })
    .await
}

fn refusal(answer: FireAnswer) -> String {
    match answer {
        FireAnswer::Refused { errors } => errors[0].code.clone(),
        other => panic!("{other:?}"),
    }
}

fn keys(answer: FireAnswer) -> Vec<String> {
    match answer {
        FireAnswer::Taken { keys, .. } => keys,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_starts_each_time_of_its_range_once_however_often_it_is_asked_for() {
    let world = World::start().await;
    let service = world.service().await;
    // Made just now: nothing of the past is its business but by a backfill.
    world.keep("daily", "{ schedule: { cron: '0 6 * * *', timezone: Europe/Berlin } }", 0).await;
    let (from, to): (Timestamp, Timestamp) =
        ("2026-03-27T00:00:00Z".parse().unwrap(), "2026-03-31T23:00:00Z".parse().unwrap());
    let first = keys(ask(&world, "daily", FireCause::Backfill { from, to }).await);
    assert_eq!(first.len(), 5);
    assert!(
        first[1].ends_with("2026-03-28T05:00:00Z") && first[2].ends_with("2026-03-29T04:00:00Z"),
        "{first:?}"
    );
    assert_eq!(keys(ask(&world, "daily", FireCause::Backfill { from, to }).await), first);
    world.keep("other", "{ webhook: { secret: hook } }", 0).await;
    assert_eq!(refusal(ask(&world, "other", FireCause::Backfill { from, to }).await), "trigger.kind");
    let test = FireCause::Test { token: "x".to_owned(), data: json!(null) };
    assert_eq!(keys(ask(&world, "daily", test.clone()).await), keys(ask(&world, "daily", test).await));
    let runs = world.has_started("daily", 6).await;
    assert_eq!(runs.len(), 6);
    service.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhooks_request_starts_one_run_and_one_that_says_nothing_useful_may_come_again() {
    let world = World::start().await;
    let service = world.service().await;
    let mut hook = world
        .keep("push", "{ webhook: { secret: hook, inputs: { day: '${{ event.data.day }}' } } }", 0)
        .await;
    let request = |id: &str, data| FireCause::Hook { id: id.to_owned(), event: json!({ "data": data }) };
    let taken = keys(ask(&world, "push", request("a", json!({ "day": "one" }))).await);
    let again = ask(&world, "push", request("a", json!({ "day": "one" }))).await;
    assert_eq!(again, FireAnswer::Replayed { key: taken[0].clone() });
    assert_eq!(refusal(ask(&world, "push", request("b", json!({}))).await), "trigger.mapping");
    keys(ask(&world, "push", request("b", json!({ "day": "two" }))).await);
    world.has_started("push", 2).await;
    service.stop().await;

    // Another process knows from the records what was taken.
    let service = world.service().await;
    let again = ask(&world, "push", request("a", json!({ "day": "one" }))).await;
    assert_eq!(again, FireAnswer::Replayed { key: taken[0].clone() });
    hook.paused = Some(Pause { reason: Some("moving".to_owned()), since: now() });
    world.put(&hook).await;
    assert_eq!(refusal(ask(&world, "push", request("c", json!({ "day": "x" }))).await), "trigger.paused");
    assert_eq!(refusal(ask(&world, "none", request("c", json!({}))).await), "trigger.not_found");
    service.stop().await;
    world.end().await;
}
