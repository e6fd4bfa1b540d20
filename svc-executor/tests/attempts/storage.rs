//! An attempt and its storage: a gateway that is away, tokens that end, a scheduler that refuses to renew one.

use std::time::Duration;

use emboflow_model::runtime_spec::StageOut;
use emboflow_model::{Cause, Outcome, Reason, RuntimeSpec};
use emboflow_protocol::command::{Command, Start};
use emboflow_protocol::report::Phase;

use crate::support::{Program, World, until};

on_both! {
    a_success_whose_log_cannot_be_stored_is_a_failure_of_the_infrastructure
    an_end_waits_for_a_storage_that_comes_back
    a_storage_that_was_away_while_the_task_ran_has_the_whole_log_at_its_end
    a_cancelled_attempt_does_not_wait_for_a_storage_that_is_away
    a_token_is_renewed_as_long_as_the_attempt_needs_it
    an_attempt_whose_token_is_not_renewed_is_ended
    a_claim_that_was_refused_can_still_be_told_to_stop
}

const BRIEF: Program =
    Program { shell: "echo done; mkdir out; printf x > out/a", words: "line=done write=out/a:x" };

/// Says a line, waits for the file `go` in its workspace, says another.
const WAITS: Program = Program {
    shell: "echo begin; while [ ! -e go ]; do sleep 0.1; done; echo end",
    words: "ms=6000 line=begin lines=1",
};

async fn begin_with_output(world: &mut World, program: Program) -> Start {
    let outputs = vec![StageOut {
        name: "all".into(),
        path: "out/".into(),
        preview: false,
        optional: true,
        value: false,
    }];
    let start = world.attempt(RuntimeSpec { outputs, ..world.spec(program) });
    world.send(Command::Start(Box::new(start.clone()))).await;
    start
}

async fn finishing(world: &World, start: &Start) {
    until("it finishes", async || {
        let finishes = |phase: &Phase| matches!(phase, Phase::Finishing { .. });
        world.phases(&start.attempt).iter().any(finishes).then_some(())
    })
    .await;
}

fn let_go(world: &World, start: &Start) {
    let workspace = world.data_dir().join("attempts").join(start.attempt.to_string()).join("workspace");
    std::fs::create_dir_all(&workspace).unwrap();
    std::fs::write(workspace.join("go"), "").unwrap();
}

async fn a_success_whose_log_cannot_be_stored_is_a_failure_of_the_infrastructure(mut world: World) {
    world.settings.storage_patience = Duration::from_secs(2);
    world.start_executor().await;
    world.stop_storage().await;
    let start = begin_with_output(&mut world, BRIEF).await;
    let end = world.end(&start).await;
    assert_eq!((end.outcome, end.cause), (Outcome::Failed, Cause::Infra), "{end:?}");
    assert_eq!((end.reason, end.exit_code), (Some(Reason::StageOutFailed), Some(0)));
    assert!(end.log.is_none() && end.artifacts.is_empty(), "{end:?}");
    let message = end.message.unwrap();
    assert!(message.contains("log could not be stored") && message.contains("did not answer"), "{message}");
}

async fn an_end_waits_for_a_storage_that_comes_back(mut world: World) {
    world.give_tokens_for(Duration::from_secs(1));
    world.start_executor().await;
    world.stop_storage().await;
    let start = begin_with_output(&mut world, BRIEF).await;
    finishing(&world, &start).await;
    assert_eq!(world.ends(&start.attempt), [], "no end before its log and outputs are stored");
    // Also a restart of the executor loses nothing of it.
    world.stop_executor().await;
    world.start_executor().await;
    world.restart_storage().await;
    let end = world.end(&start).await;
    assert_eq!((end.outcome, end.log.unwrap().lines), (Outcome::Succeeded, 1));
    assert_eq!(world.archived(&start).await, b"done\n");
    assert_eq!(end.artifacts[0].files, 1);
}

async fn a_storage_that_was_away_while_the_task_ran_has_the_whole_log_at_its_end(mut world: World) {
    world.settings.storage_patience = Duration::from_millis(100);
    world.start_executor().await;
    world.stop_storage().await;
    let start = world.begin(Program { words: "ms=11000 line=begin lines=1", ..WAITS }).await;
    // The first chunk is due after five seconds; the client gives up after three more.
    until("the archive has been in vain for longer than the patience", async || {
        let chunks = world.data_dir().join("attempts").join(start.attempt.to_string()).join("chunks");
        chunks.exists().then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    world.restart_storage().await;
    let_go(&world, &start);
    let end = world.end(&start).await;
    assert_eq!(
        (end.outcome, end.log.as_ref().map(|log| log.lines)),
        (Outcome::Succeeded, Some(2)),
        "{end:?}"
    );
    assert!(world.archived(&start).await.starts_with(b"begin\n"));
}

async fn a_cancelled_attempt_does_not_wait_for_a_storage_that_is_away(mut world: World) {
    world.start_executor().await;
    let start = world.begin(WAITS).await;
    world.running(&start).await;
    // A log without a byte needs no storage to be sealed.
    until("the first line of the log", async || {
        let spool = world.data_dir().join("attempts").join(start.attempt.to_string()).join("log");
        std::fs::metadata(spool).ok().filter(|file| file.len() > 0)
    })
    .await;
    world.stop_storage().await;
    world.stop(&start, Reason::Cancelled).await;
    let end = world.end(&start).await;
    assert_eq!((end.outcome, end.log), (Outcome::Cancelled, None));
}

async fn a_token_is_renewed_as_long_as_the_attempt_needs_it(mut world: World) {
    world.give_tokens_for(Duration::from_secs(1));
    world.start_executor().await;
    let start = begin_with_output(&mut world, WAITS).await;
    world.running(&start).await;
    // Two lives of a token go by with nothing to store.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let_go(&world, &start);
    let end = world.end(&start).await;
    assert_eq!(end.outcome, Outcome::Succeeded, "{end:?}");
    assert!(world.claims(&start.attempt) > 1);
    world.give_tokens_for(Duration::from_secs(3_600));
    let brief = begin_with_output(&mut world, BRIEF).await;
    assert_eq!(world.end(&brief).await.outcome, Outcome::Succeeded);
    assert_eq!(world.claims(&brief.attempt), 1, "a token that is good is not renewed");
}

async fn an_attempt_whose_token_is_not_renewed_is_ended(mut world: World) {
    world.give_tokens_for(Duration::from_secs(1));
    world.start_executor().await;
    let program =
        Program { shell: "echo begin; while true; do sleep 0.1; done", words: "ms=600000 line=begin" };
    let start = world.begin(program).await;
    world.running(&start).await;
    world.refuse(&start.attempt);
    let end = world.end(&start).await;
    assert_eq!(
        (end.outcome, end.cause, end.reason),
        (Outcome::Cancelled, Cause::System, Some(Reason::Fenced))
    );
}

async fn a_claim_that_was_refused_can_still_be_told_to_stop(mut world: World) {
    world.start_executor().await;
    let start = world.attempt(world.spec(BRIEF));
    world.refuse(&start.attempt);
    world.send(Command::Start(Box::new(start.clone()))).await;
    until("it has asked", async || (world.claims(&start.attempt) > 0).then_some(())).await;
    world.until_forgotten().await;
    world.stop(&start, Reason::Cancelled).await;
    assert_eq!(world.end(&start).await.outcome, Outcome::Cancelled, "the scheduler waits for an end");
}
