//! NATS is away for longer than an executor may be silent.

use system_tests::{Cell, Stack, eventually, on_cells, task};

use crate::after::{all_is_there_once, attempt_is, nothing_was_repeated};

/// Silent for so long, an executor counts as lost; long enough to connect anew on a busy machine.
const LOST_AFTER_MS: u64 = 10_000;
const LONGER: &str = "env: { SIMULATE: \"ms=14000 line=one write=out.txt:one\" }\n\
                      run: echo one; sleep 14; printf one > out.txt\n\
                      outputs: { out: { path: out.txt } }";

async fn nobody_is_lost_because_nobody_can_be_heard(cell: Cell) {
    let mut stack = Stack::start_changed(cell, |stack| {
        stack.scheduler.set("policy.lost_after_ms", LOST_AFTER_MS);
        // It is not renewed meanwhile.
        stack.scheduler.set("storage_token_ms", 120_000);
    })
    .await;
    let client = stack.client();
    let run = client.submit("outage", &task(LONGER)).await;
    attempt_is(&client, &run, "t", "running").await;
    stack.nats.kill();
    eventually("the task has ended where nobody hears of it", || async {
        (stack.attempts_ended().await == 1).then_some(())
    })
    .await;
    stack.nats.restart().await;
    client.reaches(&run, "succeeded").await;
    all_is_there_once(&stack, &client, &run, 1).await;
    nothing_was_repeated(&client, &run).await;
    assert_eq!(client.text(&format!("/runs/{run}/tasks/t/logs")).await, "one\n");
}
on_cells!(nobody_is_lost_because_nobody_can_be_heard: SQLITE_SIMULATED, MONGO_DOCKER);
