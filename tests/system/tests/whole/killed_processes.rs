//! `kill -9` of every process in the middle of a run.

use emboflow_records::testing::MongoServer;
use system_tests::{Cell, Part, RuntimeKind, Stack, on_cells, pair};

use crate::after::{all_is_there_once, attempt_is, nothing_was_repeated};

/// How long each of the two tasks runs.
const TASK_MS: u64 = 1_500;

/// Starts a run and waits until its first task runs.
async fn in_the_middle(stack: &Stack) -> String {
    let client = stack.client();
    let run = client.submit("middle", &pair(TASK_MS)).await;
    attempt_is(&client, &run, "first", "running").await;
    run
}

async fn ends_well(stack: &Stack, run: &str) {
    let client = stack.client();
    client.reaches(run, "succeeded").await;
    all_is_there_once(stack, &client, run, 2).await;
    for (task, text) in [("first", "one"), ("second", "two")] {
        assert_eq!(client.text(&format!("/runs/{run}/tasks/{task}/logs")).await, format!("{text}\n"));
        assert_eq!(client.text(&format!("/runs/{run}/artifacts/{task}/out/out.txt")).await, text);
    }
}

async fn a_run_survives_a_killed_executor(cell: Cell) {
    let mut stack = Stack::start(cell).await;
    let run = in_the_middle(&stack).await;
    stack.executor.restart().await;
    ends_well(&stack, &run).await;
    // Simulated containers die with the executor; real ones are adopted.
    if cell.runtime == RuntimeKind::Docker {
        nothing_was_repeated(&stack.client(), &run).await;
    }
}
on_cells!(a_run_survives_a_killed_executor: SQLITE_SIMULATED, SQLITE_DOCKER, MONGO_DOCKER);

async fn a_run_survives_a_killed_scheduler(cell: Cell) {
    let mut stack = Stack::start(cell).await;
    let run = in_the_middle(&stack).await;
    stack.scheduler.restart().await;
    ends_well(&stack, &run).await;
    nothing_was_repeated(&stack.client(), &run).await;
}
on_cells!(a_run_survives_a_killed_scheduler: SQLITE_DOCKER, MONGO_SIMULATED);

async fn outputs_wait_for_a_killed_gateway(cell: Cell) {
    let mut stack = Stack::start(cell).await;
    let run = in_the_middle(&stack).await;
    stack.gateway.kill().await;
    attempt_is(&stack.client(), &run, "first", "finishing").await;
    stack.gateway.start().await;
    ends_well(&stack, &run).await;
    nothing_was_repeated(&stack.client(), &run).await;
}
on_cells!(outputs_wait_for_a_killed_gateway: SQLITE_SIMULATED, MONGO_DOCKER);

async fn a_run_goes_on_without_the_api(cell: Cell) {
    let mut stack = Stack::start(cell).await;
    let run = in_the_middle(&stack).await;
    stack.api.restart().await;
    ends_well(&stack, &run).await;
    nothing_was_repeated(&stack.client(), &run).await;
}
on_cells!(a_run_goes_on_without_the_api: SQLITE_SIMULATED, MONGO_SIMULATED);

async fn a_run_survives_a_killed_nats_server(cell: Cell) {
    let mut stack = Stack::start(cell).await;
    let run = in_the_middle(&stack).await;
    stack.nats.restart().await;
    ends_well(&stack, &run).await;
    nothing_was_repeated(&stack.client(), &run).await;
}
on_cells!(a_run_survives_a_killed_nats_server: SQLITE_DOCKER, MONGO_SIMULATED);

async fn an_emptied_nats_is_rebuilt_from_the_records(cell: Cell) {
    let mut stack = Stack::start(cell).await;
    let run = in_the_middle(&stack).await;
    stack.nats.empty().await;
    ends_well(&stack, &run).await;
    nothing_was_repeated(&stack.client(), &run).await;
}
on_cells!(an_emptied_nats_is_rebuilt_from_the_records: SQLITE_SIMULATED, SQLITE_DOCKER, MONGO_SIMULATED);

async fn a_run_survives_killed_records(cell: Cell) {
    let mut mongo = MongoServer::start().await.unwrap();
    let stack = Stack::start_on(cell, &mongo).await;
    let run = in_the_middle(&stack).await;
    mongo.kill_and_restart().await.unwrap();
    ends_well(&stack, &run).await;
    nothing_was_repeated(&stack.client(), &run).await;
}
on_cells!(a_run_survives_killed_records: MONGO_SIMULATED, MONGO_DOCKER);

async fn a_run_survives_the_death_of_everything(cell: Cell) {
    let mut stack = Stack::start(cell).await;
    let run = in_the_middle(&stack).await;
    let parts = [Part::Api, Part::Executor, Part::Scheduler, Part::Gateway];
    for part in parts {
        stack.part(part).kill().await;
    }
    stack.nats.restart().await;
    for part in parts {
        stack.part(part).start().await;
    }
    ends_well(&stack, &run).await;
}
on_cells!(a_run_survives_the_death_of_everything: SQLITE_SIMULATED, MONGO_DOCKER);
