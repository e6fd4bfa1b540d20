//! Backup, loss of everything but the executor, restore: what was known is known again, and what the executor has to
//! say of a time that is lost is refused.

use serde_json::Value;
use system_tests::{Cell, Client, Stack, eventually, on_cells, one_task, task};

use crate::after::attempt_is;

/// Long enough for a scheduler to be killed meanwhile, short enough to be waited for twice.
fn slow_task() -> String {
    task("env: { SIMULATE: \"ms=6000 lines=3\" }\nrun: for i in 1 2 3; do sleep 2; echo line $i; done")
}

/// A run whose attempt is open in the decision log for good: the scheduler is dead. The executor goes on with it.
async fn run_that_outlives_the_scheduler(stack: &mut Stack, client: &Client) -> String {
    for round in 0..5 {
        let run = client.submit(&format!("slow-{round}"), &slow_task()).await;
        attempt_is(client, &run, "t", "running").await;
        stack.scheduler.kill().await;
        if client.tasks(&run).await[0]["state"] == "active" {
            return run;
        }
        // Too slow a machine this time: it ended before the scheduler did.
        stack.scheduler.start().await;
    }
    panic!("no run was open when the scheduler was killed");
}

async fn what_an_executor_says_of_a_lost_time_is_refused_and_its_work_is_done_again(cell: Cell) {
    // Nobody renews the executor's storage token while the scheduler is dead.
    let mut stack =
        Stack::start_changed(cell, |stack| stack.scheduler.set("storage_token_ms", 600_000)).await;
    let backup = stack.backup().await;
    let client = stack.client();
    let finished = client.submit("finished", &one_task()).await;
    let before = client.reaches(&finished, "succeeded").await;
    let logs = client.text(&format!("/runs/{finished}/tasks/note/logs")).await;

    let ended = stack.attempts_ended().await;
    let open = run_that_outlives_the_scheduler(&mut stack, &client).await;
    backup.does(&["create"]).await;
    backup.does(&["verify", "--deep"]).await;
    // The old attempt comes to a good end that the backup knows nothing of; its report waits in NATS.
    eventually("the old attempt has ended", || async {
        (stack.attempts_ended().await > ended).then_some(())
    })
    .await;
    stack.api.kill().await;
    stack.gateway.kill().await;
    stack.lose_objects();
    let refused = backup.run(&["restore"]).await;
    assert_eq!(refused.status.code(), Some(1), "there are records");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("backup.target"), "{refused:?}");
    backup.does(&["restore", "--replace"]).await;
    stack.gateway.start().await;
    stack.scheduler.start().await;
    stack.api.start().await;
    stack.ready().await;

    let client = stack.client();
    client.reaches(&open, "succeeded").await;
    let attempts = client.only_task(&open).await["attempts"].clone();
    let outcome = |index: usize| attempts[index]["end"]["outcome"].clone();
    assert_eq!((outcome(0), outcome(1)), (Value::from("lost"), Value::from("succeeded")), "{attempts:#}");
    assert!(attempts[0]["end"]["message"].as_str().unwrap().contains("restored from a backup"));
    assert_eq!(client.run(&finished).await.unwrap(), before);
    assert_eq!(client.text(&format!("/runs/{finished}/tasks/note/logs")).await, logs);
    // And the same request is still known, and new ones are taken.
    assert_eq!(client.submit("finished", &one_task()).await, finished);
    let new = client.submit("new", &one_task()).await;
    client.reaches(&new, "succeeded").await;
}
on_cells!(what_an_executor_says_of_a_lost_time_is_refused_and_its_work_is_done_again: SQLITE_SIMULATED, MONGO_SIMULATED);
