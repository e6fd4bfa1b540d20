//! A service that hangs and goes on later: slow is not dead, and who comes back too late changes nothing.

use system_tests::{Cell, Client, Part, Stack, eventually, on_cells, pair};

use crate::after::{all_is_there_once, attempt_is, nothing_was_repeated};

async fn a_service_that_hangs_for_a_while_costs_nothing_but_time(cell: Cell) {
    let mut stack = Stack::start_changed(cell, |stack| {
        // Shorter than the hanging: the executor is passed over meanwhile, and not given up.
        stack.scheduler.set("policy.suspect_after_ms", 1_000);
    })
    .await;
    let client = stack.client();
    for part in [Part::Scheduler, Part::Executor, Part::Gateway, Part::Api] {
        stack.doing = format!("hanging: {part:?}");
        let run = client.submit(&format!("{part:?}"), &pair(700)).await;
        attempt_is(&client, &run, "first", "running").await;
        stack.part(part).freeze().await;
        stack.part(part).thaw();
        client.reaches(&run, "succeeded").await;
        all_is_there_once(&stack, &client, &run, 2).await;
        nothing_was_repeated(&client, &run).await;
    }
}
on_cells!(a_service_that_hangs_for_a_while_costs_nothing_but_time: SQLITE_SIMULATED, MONGO_DOCKER);

async fn attempts(client: &Client, run: &str) -> usize {
    client.get(&format!("/runs/{run}/tasks/first")).await["attempts"].as_array().unwrap().len()
}

async fn an_executor_that_wakes_after_it_was_given_up_changes_nothing(cell: Cell) {
    let stack = Stack::start_changed(cell, |stack| {
        stack.scheduler.set("policy.suspect_after_ms", 1_000);
        stack.scheduler.set("policy.lost_after_ms", 2_500);
    })
    .await;
    let client = stack.client();
    let run = client.submit("woken", &pair(700)).await;
    attempt_is(&client, &run, "first", "running").await;
    stack.executor.freeze().await;
    let mut other = stack.another_executor("exec-2");
    other.start().await;
    eventually("the task is given to the other executor", || async {
        (attempts(&client, &run).await == 2).then_some(())
    })
    .await;
    stack.executor.thaw();
    client.reaches(&run, "succeeded").await;
    let first = client.get(&format!("/runs/{run}/tasks/first")).await;
    let outcomes: Vec<_> =
        first["attempts"].as_array().unwrap().iter().map(|attempt| &attempt["end"]["outcome"]).collect();
    assert_eq!(outcomes, ["lost", "succeeded"], "{first:#}");
    all_is_there_once(&stack, &client, &run, 2).await;
}
on_cells!(an_executor_that_wakes_after_it_was_given_up_changes_nothing: SQLITE_DOCKER);
