//! Two schedulers on the same records: one decides, the other one stands by and follows it.

use system_tests::{Cell, Service, Stack, eventually_ok, on_cells, one_task, pair};

use crate::after::{all_is_there_once, nothing_was_repeated};

const TASK_MS: u64 = 1_000;

/// An installation whose second scheduler stands by.
async fn with_standby(cell: Cell) -> (Stack, Service) {
    let stack = Stack::start(cell).await;
    let mut standby = stack.another_scheduler();
    standby.start().await;
    says(&standby, "stands by").await;
    says(&stack.scheduler, "decides").await;
    (stack, standby)
}

/// Waits until a scheduler says so of itself.
async fn says(scheduler: &Service, words: &str) {
    eventually_ok(&format!("a scheduler {words}"), || async {
        let (status, said) = scheduler.readiness().await?;
        let checks = said["checks"].as_array().into_iter().flatten();
        let mut driver = checks.filter(|check| check["name"] == "driver");
        let found = driver.any(|check| check["detail"].as_str().is_some_and(|text| text.starts_with(words)));
        (status.is_success() && found).then_some(()).ok_or(format!("{status} {said:#}"))
    })
    .await;
}

/// A run that is under way when `harm` is done, and one that is asked for afterwards, end well and once.
async fn goes_on(stack: &mut Stack, standby: &Service, harm: impl AsyncFnOnce(&mut Stack)) {
    let client = stack.client();
    let before = client.submit("before", &pair(TASK_MS)).await;
    client.reaches(&before, "running").await;
    harm(stack).await;
    says(standby, "decides").await;
    let after = client.submit("after", &one_task()).await;
    for (run, artifacts) in [(&before, 2), (&after, 1)] {
        client.reaches(run, "succeeded").await;
        all_is_there_once(stack, &client, run, artifacts).await;
        nothing_was_repeated(&client, run).await;
    }
}

async fn a_scheduler_that_is_killed_is_followed_by_the_one_that_stands_by(cell: Cell) {
    let (mut stack, standby) = with_standby(cell).await;
    goes_on(&mut stack, &standby, async |stack| stack.scheduler.kill().await).await;
    stack.scheduler.start().await;
    says(&stack.scheduler, "stands by").await;
}
on_cells!(a_scheduler_that_is_killed_is_followed_by_the_one_that_stands_by: SQLITE_SIMULATED, MONGO_DOCKER);

async fn a_scheduler_that_stops_cleanly_gives_its_place_away(cell: Cell) {
    let (mut stack, standby) = with_standby(cell).await;
    goes_on(&mut stack, &standby, async |stack| stack.scheduler.stop().await).await;
}
on_cells!(a_scheduler_that_stops_cleanly_gives_its_place_away: SQLITE_SIMULATED, MONGO_SIMULATED);

async fn a_scheduler_that_hangs_is_followed_and_changes_nothing_when_it_goes_on(cell: Cell) {
    let (mut stack, standby) = with_standby(cell).await;
    stack.answers_come_late = true;
    goes_on(&mut stack, &standby, async |stack| stack.scheduler.freeze().await).await;
    let client = stack.client();
    let meanwhile = client.submit("meanwhile", &one_task()).await;
    client.reaches(&meanwhile, "succeeded").await;
    stack.scheduler.thaw();
    says(&stack.scheduler, "stands by").await;
    says(&standby, "decides").await;
    let later = client.submit("later", &one_task()).await;
    client.reaches(&later, "succeeded").await;
    for run in [&meanwhile, &later] {
        all_is_there_once(&stack, &client, run, 1).await;
        nothing_was_repeated(&client, run).await;
    }
}
on_cells!(a_scheduler_that_hangs_is_followed_and_changes_nothing_when_it_goes_on: SQLITE_SIMULATED, MONGO_DOCKER);
