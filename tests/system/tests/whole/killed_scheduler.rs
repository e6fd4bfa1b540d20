//! The scheduler dies at every place that it names, and is started again.

use std::os::unix::process::ExitStatusExt;

use system_tests::{Cell, Client, Stack, fan_out, long_task, on_cells};

use crate::after::{all_is_there_once, attempt_is, nothing_was_repeated};

const SIGABRT: i32 = 6;
/// A run does not come past this place unless something is stopped.
const ONLY_WHEN_STOPPING: &str = "before-stop";

async fn a_run_survives_a_scheduler_that_dies_at_any_place(cell: Cell) {
    let mut stack = Stack::start(cell).await;
    let client = stack.client();
    let visits: &[u64] = if stack.containers.are_real() { &[2] } else { &[1, 2, 4] };
    for place in svc_scheduler::fail_points().iter().filter(|place| *place != ONLY_WHEN_STOPPING) {
        for visit in visits {
            let at = format!("{place}:{visit}");
            stack.doing = format!("dying at {at}");
            survive(&mut stack, &client, &at, *visit == 1).await;
        }
    }
}
on_cells!(a_run_survives_a_scheduler_that_dies_at_any_place: SQLITE_SIMULATED, MONGO_SIMULATED, SQLITE_DOCKER);

async fn survive(stack: &mut Stack, client: &Client, at: &str, surely_dies: bool) {
    stack.scheduler.kill().await;
    stack.scheduler.set("fail_at", at);
    stack.scheduler.spawn();
    let ended_before = stack.attempts_ended().await;
    let source = fan_out();
    let whole = async {
        let run = client.submit(at, &source).await;
        client.reaches(&run, "succeeded").await;
        run
    };
    tokio::pin!(whole);
    let lived_through = tokio::select! {
        run = &mut whole => Some(run),
        status = stack.scheduler.ended() => {
            assert_eq!(status.signal(), Some(SIGABRT), "{status}");
            None
        }
    };
    stack.scheduler.unset("fail_at");
    let run = match lived_through {
        Some(run) => {
            assert!(!surely_dies, "the scheduler never came to {at}");
            run
        }
        None => {
            stack.scheduler.start().await;
            whole.await
        }
    };
    all_is_there_once(stack, client, &run, 5).await;
    nothing_was_repeated(client, &run).await;
    let ended = stack.attempts_ended().await - ended_before;
    assert_eq!(ended, 5, "the executor carried out each attempt once");
}

async fn a_cancel_survives_a_scheduler_that_dies_before_it_tells_anybody(cell: Cell) {
    let mut stack =
        Stack::start_changed(cell, |stack| stack.scheduler.set("fail_at", ONLY_WHEN_STOPPING)).await;
    let client = stack.client();
    let run = client.submit("cancel", &long_task()).await;
    attempt_is(&client, &run, "wait", "running").await;
    let cancel = client.request(reqwest::Method::POST, &format!("/runs/{run}/cancel")).send();
    let (answer, status) = tokio::join!(cancel, stack.scheduler.ended());
    answer.unwrap();
    assert_eq!(status.signal(), Some(SIGABRT), "{status}");
    stack.scheduler.unset("fail_at");
    stack.scheduler.start().await;
    client.reaches(&run, "cancelled").await;
    assert_eq!(stack.containers.running(&run), Vec::<String>::new());
}
on_cells!(a_cancel_survives_a_scheduler_that_dies_before_it_tells_anybody: SQLITE_SIMULATED, MONGO_DOCKER);
