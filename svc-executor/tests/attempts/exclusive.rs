//! Attempts that never run twice at once: without renewals their executor ends them; others go on.

use std::time::Duration;

use emboflow_model::runtime_spec::{Class, Stop};
use emboflow_model::{Cause, Outcome, Reason, RuntimeSpec};
use emboflow_protocol::command::{Command, Start};

use crate::support::{Kind, Program, World, until};

const ENDLESS: Program =
    Program { shell: "trap '' TERM; while true; do sleep 1; done", words: "ms=600000 ignore_term" };
/// Long enough that nothing of it lapses on a busy machine by itself.
const GOOD_FOR: Duration = Duration::from_secs(30);
/// So that a test need not wait for its end.
const SHORT: Duration = Duration::from_secs(3);

async fn begun(world: &mut World, class: Class, program: Program) -> Start {
    world.grant_for(GOOD_FOR);
    world.start_executor().await;
    let stop = Stop { grace_ms: 500, ..Stop::default() };
    let start = world.attempt(RuntimeSpec { class, stop, ..world.spec(program) });
    world.send(Command::Start(Box::new(start.clone()))).await;
    world.running(&start).await;
    start
}

fn runs(world: &World, start: &Start) -> bool {
    let name = format!("ef-{}", start.attempt);
    world.kind == Kind::Docker && World::docker(&["inspect", "-f", "{{.State.Running}}", &name]) == "true"
}

async fn is_ended_as_lost(world: &World, start: &Start) {
    let end = world.end(start).await;
    assert_eq!((end.outcome, end.cause), (Outcome::Lost, Cause::Infra), "{end:?}");
    assert_eq!(end.reason, Some(Reason::ExecutorLost));
    assert!(end.message.unwrap().contains("could not renew"));
    assert!(!runs(world, start));
}

pub(crate) async fn an_exclusive_attempt_is_renewed_while_it_runs_and_ended_when_it_cannot_be(
    mut world: World,
) {
    let start = begun(&mut world, Class::Exclusive, ENDLESS).await;
    until("it is renewed", async || (world.claims(&start.attempt) > 3).then_some(())).await;
    assert!(world.ends(&start.attempt).is_empty());
    world.grant_for(SHORT);
    let claims = world.claims(&start.attempt);
    until("it is renewed for a short time", async || (world.claims(&start.attempt) > claims).then_some(()))
        .await;
    world.be_silent(true);
    is_ended_as_lost(&world, &start).await;
    world.be_silent(false);
    world.release(&start).await;
    world.until_forgotten().await;
}

pub(crate) async fn an_idempotent_attempt_goes_on_although_nobody_answers(mut world: World) {
    let program = Program { shell: "sleep 4; echo done", words: "ms=4000 line=done" };
    world.be_silent(false);
    let start = begun(&mut world, Class::Idempotent, program).await;
    let claims = world.claims(&start.attempt);
    world.be_silent(true);
    let end = world.end(&start).await;
    assert_eq!(end.outcome, Outcome::Succeeded, "{end:?}");
    assert_eq!(world.claims(&start.attempt), claims, "it is not renewed");
}

// A simulated container ends with the process of its executor, which cannot be lived through here.
#[tokio::test(flavor = "multi_thread")]
async fn an_exclusive_attempt_outlives_a_restart_of_the_executor_within_its_time() {
    let mut world = World::new(Kind::Docker).await;
    let start = begun(&mut world, Class::Exclusive, ENDLESS).await;
    world.grant_for(Duration::from_secs(3_600));
    let claims = world.claims(&start.attempt);
    until("it is renewed for long", async || (world.claims(&start.attempt) > claims + 1).then_some(())).await;
    world.stop_executor().await;
    assert!(runs(&world, &start));
    world.be_silent(true);
    world.start_executor().await;
    assert!(runs(&world, &start) && world.ends(&start.attempt).is_empty());

    // What was granted last is over when it starts once more.
    world.stop_executor().await;
    let folder = world.data_dir().join("attempts").join(start.attempt.to_string());
    let right = std::fs::read_to_string(folder.join("right.json")).unwrap();
    let mut right: serde_json::Value = serde_json::from_str(&right).unwrap();
    right["good_for_ms"] = 1.into();
    std::fs::write(folder.join("right.json"), right.to_string()).unwrap();
    world.start_executor().await;
    is_ended_as_lost(&world, &start).await;
}

pub(crate) async fn an_exclusive_attempt_whose_place_was_taken_is_ended_at_its_next_renewal(
    mut world: World,
) {
    let start = begun(&mut world, Class::Exclusive, ENDLESS).await;
    world.refuse(&start.attempt);
    let end = world.end(&start).await;
    assert_eq!(end.reason, Some(Reason::Fenced), "{end:?}");
    assert!(!runs(&world, &start));
}
