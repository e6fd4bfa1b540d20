//! What a task itself says of its end, and of being alive.

use emboflow_model::runtime_spec::{StageOut, Timeouts};
use emboflow_model::{Cause, CodeRange, Outcome, Reason, RuntimeSpec};
use emboflow_protocol::command::Command;

use crate::support::{Kind, Program, World};

on_both! {
    a_code_that_counts_as_success_seals_the_log_and_stores_the_outputs
    a_task_that_gives_no_sign_of_life_is_stopped
    the_memory_limit_is_named_also_when_the_engine_tells_of_it_after_the_end
    a_program_that_kills_itself_is_not_taken_for_one_without_memory
    what_a_task_gives_is_told_with_its_end_and_stored_too
}

async fn a_code_that_counts_as_success_seals_the_log_and_stores_the_outputs(mut world: World) {
    world.start_executor().await;
    let complete_codes = vec![CodeRange { first: 3, last: 4 }];
    let program = Program {
        shell: "printf made > a.txt; echo partly; exit 4",
        words: "write=a.txt:made line=partly exit=4",
    };
    let outputs = vec![StageOut {
        name: "a".into(),
        path: "a.txt".into(),
        preview: false,
        optional: false,
        value: false,
    }];
    let spec = RuntimeSpec { complete_codes: complete_codes.clone(), outputs, ..world.spec(program) };
    let start = world.attempt(spec);
    world.send(Command::Start(Box::new(start.clone()))).await;
    let end = world.end(&start).await;
    assert_eq!((end.outcome, end.exit_code, end.reason), (Outcome::Succeeded, Some(4), None), "{end:?}");
    assert_eq!((end.artifacts.len(), end.log.unwrap().lines), (1, 1));
    assert!(end.message.unwrap().contains("exit code 4, which counts as success"));

    let other = Program { shell: "exit 5", words: "exit=5" };
    let start = world.attempt(RuntimeSpec { complete_codes, ..world.spec(other) });
    world.send(Command::Start(Box::new(start.clone()))).await;
    let end = world.end(&start).await;
    assert_eq!((end.outcome, end.exit_code, end.reason), (Outcome::Failed, Some(5), Some(Reason::ExitCode)));
}

async fn the_memory_limit_is_named_also_when_the_engine_tells_of_it_after_the_end(mut world: World) {
    world.start_executor().await;
    let program = Program { shell: "exec tail -c 200000000 /dev/zero", words: "oom=400" };
    let start = world.attempt(world.spec(program));
    world.send(Command::Start(Box::new(start.clone()))).await;
    let end = world.end(&start).await;
    let told = (end.outcome, end.cause, end.reason, end.exit_code);
    assert_eq!(told, (Outcome::Failed, Cause::User, Some(Reason::OomKilled), Some(137)), "{end:?}");
}

async fn a_program_that_kills_itself_is_not_taken_for_one_without_memory(mut world: World) {
    world.start_executor().await;
    let program = Program { shell: "exit 137", words: "exit=137" };
    let start = world.attempt(world.spec(program));
    world.send(Command::Start(Box::new(start.clone()))).await;
    let end = world.end(&start).await;
    assert_eq!((end.outcome, end.reason), (Outcome::Failed, Some(Reason::ExitCode)), "{end:?}");
}

async fn what_a_task_gives_is_told_with_its_end_and_stored_too(mut world: World) {
    world.start_executor().await;
    let outputs = vec![StageOut {
        name: "n".into(),
        path: "n.json".into(),
        preview: false,
        optional: false,
        value: true,
    }];
    let program = Program { shell: "printf '[1,2]' > n.json", words: "write=n.json:[1,2]" };
    let start = world.attempt(RuntimeSpec { outputs: outputs.clone(), ..world.spec(program) });
    world.send(Command::Start(Box::new(start.clone()))).await;
    let end = world.end(&start).await;
    assert_eq!((end.outcome, end.artifacts.len()), (Outcome::Succeeded, 1), "{end:?}");
    assert_eq!(serde_json::Value::Object(end.values), serde_json::json!({ "n": [1, 2] }));

    let program = Program { shell: "printf '[1,' > n.json", words: "write=n.json:[1," };
    let start = world.attempt(RuntimeSpec { outputs, ..world.spec(program) });
    world.send(Command::Start(Box::new(start.clone()))).await;
    let end = world.end(&start).await;
    let ended = (end.outcome, end.cause, end.reason, end.artifacts.len(), end.values.len());
    assert_eq!(ended, (Outcome::Failed, Cause::User, Some(Reason::StageOutFailed), 0, 0), "{end:?}");
    assert!(end.message.unwrap().starts_with("Output 'n': it is declared as a `value`"));
}

fn beating(heartbeat_ms: u64) -> Timeouts {
    Timeouts { heartbeat_ms: Some(heartbeat_ms), ..Timeouts::default() }
}

async fn a_task_that_gives_no_sign_of_life_is_stopped(mut world: World) {
    world.start_executor().await;
    let program = Program { shell: "echo alive; exec sleep 600", words: "ms=600000 line=alive" };
    let start = world.attempt(RuntimeSpec { timeouts: beating(1_000), ..world.spec(program) });
    world.send(Command::Start(Box::new(start.clone()))).await;
    let end = world.end(&start).await;
    let ended = (end.outcome, end.cause, end.reason);
    assert_eq!(ended, (Outcome::TimedOut, Cause::User, Some(Reason::HeartbeatLost)), "{end:?}");
    assert!(end.message.unwrap().contains("`timeouts.heartbeat`"));
    assert_eq!(world.archived(&start).await, b"alive\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_touches_its_file_may_be_silent_in_its_log() {
    let mut world = World::new(Kind::Docker).await;
    world.start_executor().await;
    // Longer than the limit, which is far longer than any stall of a loaded machine.
    let shell = "i=0; while [ $i -lt 30 ]; do touch \"$EMBOFLOW_HEARTBEAT\"; sleep 0.5; i=$((i+1)); done";
    let program = Program { shell, words: "" };
    let start = world.attempt(RuntimeSpec { timeouts: beating(12_000), ..world.spec(program) });
    world.send(Command::Start(Box::new(start.clone()))).await;
    let end = world.end(&start).await;
    assert_eq!((end.outcome, end.exit_code), (Outcome::Succeeded, Some(0)), "{end:?}");
}
