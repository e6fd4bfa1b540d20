//! nats-server is killed while runs are under way, and is back at once.

use system_tests::{Cell, Stack, on_cells, pair};

/// Later than the test ends.
const LATER_MS: u64 = 3_600_000;
const TASK_MS: u64 = 200;

/// No heartbeat in turn and no deadline makes up for what is lost: only what is said because NATS is back.
async fn what_a_killed_nats_has_lost_is_said_again_when_it_is_back(cell: Cell) {
    let mut stack = Stack::start_changed(cell, |stack| {
        stack.executor.set("heartbeat_ms", LATER_MS);
        for wait in ["redispatch_after_ms", "suspect_after_ms", "lost_after_ms"] {
            stack.scheduler.set(&format!("policy.{wait}"), LATER_MS);
        }
    })
    .await;
    // Questions that the dead server had brought are answered to the new one.
    stack.answers_come_late = true;
    let client = stack.client();
    for round in 0..3 {
        let mut runs = Vec::new();
        for number in 0..8 {
            runs.push(client.submit(&format!("before-{round}-{number}"), &pair(TASK_MS)).await);
        }
        stack.nats.restart().await;
        runs.push(client.submit(&format!("after-{round}"), &pair(TASK_MS)).await);
        for run in &runs {
            client.reaches(run, "succeeded").await;
        }
    }
}
on_cells!(what_a_killed_nats_has_lost_is_said_again_when_it_is_back: SQLITE_SIMULATED, MONGO_SIMULATED);
