//! The container engine is killed in the middle of a run and started again.

use system_tests::{Cell, Engine, Stack, on_cells, task};

use crate::after::{all_is_there_once, attempt_is, nothing_was_repeated};

const COUNTING: &str = "run: |\n  for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.5; done\n  echo counted > out.txt\n\
                        outputs: { out: { path: out.txt } }";
const COUNTED: &str = "1\n2\n3\n4\n5\n6\n7\n8\n";

/// A run whose container counts while its engine is killed; it ends well all the same.
async fn counts_through_a_kill(cell: Cell, engine: &mut Engine) -> (Stack, String) {
    let stack = Stack::start_changed(cell, |stack| stack.use_engine(engine)).await;
    let client = stack.client();
    let run = client.submit("counting", &task(COUNTING)).await;
    attempt_is(&client, &run, "t", "running").await;
    engine.kill_and_restart().await;
    client.reaches(&run, "succeeded").await;
    assert_eq!(client.text(&format!("/runs/{run}/tasks/t/logs")).await, COUNTED);
    assert_eq!(client.text(&format!("/runs/{run}/artifacts/t/out/out.txt")).await, "counted\n");
    all_is_there_once(&stack, &client, &run, 1).await;
    (stack, run)
}

async fn a_container_that_dies_with_its_engine_is_repeated_at_nobodys_expense(cell: Cell) {
    let mut engine = Engine::start(false).await;
    let (stack, run) = counts_through_a_kill(cell, &mut engine).await;
    let attempts = stack.client().tasks(&run).await.swap_remove(0)["attempts"].take();
    let ends: Vec<_> = attempts.as_array().unwrap().iter().map(|attempt| &attempt["end"]).collect();
    let told: Vec<_> = ends.iter().map(|end| (end["outcome"].as_str(), end["cause"].as_str())).collect();
    // The task has one attempt of its own; this second one was free.
    assert_eq!(told, [(Some("lost"), Some("infra")), (Some("succeeded"), Some("user"))], "{attempts:#}");
    assert!(ends[0]["message"].as_str().unwrap().contains("restarted"), "{attempts:#}");
}
on_cells!(a_container_that_dies_with_its_engine_is_repeated_at_nobodys_expense: SQLITE_DOCKER);

async fn a_container_that_outlives_its_engine_is_adopted(cell: Cell) {
    let mut engine = Engine::start(true).await;
    let (stack, run) = counts_through_a_kill(cell, &mut engine).await;
    nothing_was_repeated(&stack.client(), &run).await;
}
on_cells!(a_container_that_outlives_its_engine_is_adopted: SQLITE_DOCKER);
