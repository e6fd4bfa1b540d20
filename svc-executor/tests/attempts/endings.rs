//! What a task itself says of its end, and of being alive.

use emboflow_model::runtime_spec::StageOut;
use emboflow_model::{CodeRange, Outcome, Reason, RuntimeSpec};
use emboflow_protocol::command::Command;

use crate::support::{Program, World};

on_both! {
    a_code_that_counts_as_success_seals_the_log_and_stores_the_outputs
}

async fn a_code_that_counts_as_success_seals_the_log_and_stores_the_outputs(mut world: World) {
    world.start_executor().await;
    let complete_codes = vec![CodeRange { first: 3, last: 4 }];
    let program = Program {
        shell: "printf made > a.txt; echo partly; exit 4",
        words: "write=a.txt:made line=partly exit=4",
    };
    let outputs = vec![StageOut { name: "a".into(), path: "a.txt".into(), preview: false, optional: false }];
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
