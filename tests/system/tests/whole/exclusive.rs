//! What runs on an executor that cannot be reached: exclusive tasks are ended before they run elsewhere, whatever has
//! become of the executor's process, and others go on. Docker's own records are the witness.

use reqwest::{Method, StatusCode};
use system_tests::{Cell, Client, Stack, Wire, eventually, on_cells, task};

use crate::after::attempt_is;

/// Stops it late enough for a busy machine, and soon enough for a test.
const LOST_AFTER_MS: u64 = 24_000;

fn endless(class: &str) -> String {
    task(&format!("class: {class}\nstop: {{ grace: 500ms }}\ntimeout: 30m\ncommand: [sleep, '1800']"))
}

async fn stack(cell: Cell) -> Stack {
    let mut stack = Stack::start_changed(cell, |stack| {
        stack.scheduler.set("policy.lost_after_ms", LOST_AFTER_MS);
    })
    .await;
    // A part of it that was cut off answers later to what it was asked before.
    stack.answers_come_late = true;
    stack
}

async fn submit(client: &Client, name: &str, class: &str) -> String {
    let run = client.submit(name, &endless(class)).await;
    attempt_is(client, &run, "t", "running").await;
    run
}

async fn cancel(client: &Client, run: &str) {
    let answer = client.request(Method::POST, &format!("/runs/{run}/cancel")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap_or_default());
}

fn container(run: &str, attempt: u32) -> String {
    format!("ef-{run}.t.{attempt}")
}

/// Waits until the second attempt runs, and looks when the first one ended.
async fn runs_elsewhere_after_its_end(stack: &Stack, run: &str) {
    let second = container(run, 2);
    eventually("the second attempt runs", || async {
        stack.containers.running(run).contains(&second).then_some(())
    })
    .await;
    assert_eq!(stack.containers.running(run), std::slice::from_ref(&second));
    let ended = stack.containers.told(&container(run, 1), "{{.State.FinishedAt}}");
    let began = stack.containers.told(&second, "{{.State.StartedAt}}");
    assert!(ended < began, "the first one ended at {ended}, the second one began at {began}");
}

async fn an_exclusive_task_is_ended_before_it_runs_elsewhere_and_an_idempotent_one_goes_on(cell: Cell) {
    let mut stack = stack(cell).await;
    let wire = Wire::to(&stack.nats.url()).await;
    stack.executor.set("nats.url", wire.url());
    stack.executor.restart().await;
    let client = stack.client();
    let exclusive = submit(&client, "exclusive", "exclusive").await;
    let idempotent = submit(&client, "idempotent", "idempotent").await;

    wire.cut();
    let mut other = stack.another_executor("exec-2");
    other.set("nats.url", stack.nats.url());
    other.start().await;
    runs_elsewhere_after_its_end(&stack, &exclusive).await;
    eventually("both attempts of the idempotent task run", || async {
        (stack.containers.running(&idempotent).len() == 2).then_some(())
    })
    .await;

    for run in [&exclusive, &idempotent] {
        cancel(&client, run).await;
    }
    client.reaches(&exclusive, "cancelled").await;
    // Nobody knows what has become of it there.
    eventually("it is said for whom the cancelled run waits", || async {
        let task = client.get(&format!("/runs/{idempotent}/tasks/t")).await;
        let why = task["wait_reason"].as_str()?.to_owned();
        (why.contains("exec-1 is unreachable") && why.contains("attempt 1")).then_some(())
    })
    .await;
    assert_eq!(client.run(&idempotent).await.unwrap()["state"], "cancelling");
    assert_eq!(stack.containers.running(&idempotent), [container(&idempotent, 1)]);

    wire.mend();
    client.reaches(&idempotent, "cancelled").await;
    assert_eq!(stack.containers.running(&idempotent), Vec::<String>::new());
    let task = client.get(&format!("/runs/{idempotent}/tasks/t")).await;
    let attempts = task["attempts"].as_array().unwrap();
    assert_eq!(attempts[0]["end"]["outcome"], "lost", "what it says now changes nothing: {task:#}");
    assert!(attempts[0]["gone_at"].is_string() && attempts.len() == 2, "{task:#}");
}
on_cells!(an_exclusive_task_is_ended_before_it_runs_elsewhere_and_an_idempotent_one_goes_on: SQLITE_DOCKER);

#[derive(Clone, Copy, Debug)]
enum Fate {
    Frozen,
    Killed,
}

async fn ended_by_its_guard(cell: Cell, fate: Fate) {
    let mut stack = stack(cell).await;
    let client = stack.client();
    let run = submit(&client, "guarded", "exclusive").await;
    match fate {
        Fate::Frozen => stack.executor.freeze().await,
        Fate::Killed => stack.executor.kill().await,
    }
    let mut other = stack.another_executor("exec-2");
    other.start().await;
    runs_elsewhere_after_its_end(&stack, &run).await;
    match fate {
        Fate::Frozen => stack.executor.thaw(),
        Fate::Killed => stack.executor.start().await,
    }
    eventually("nothing is left of the first attempt", || async {
        (!stack.containers.of_run(&run).contains(&container(&run, 1))).then_some(())
    })
    .await;
    let task = client.get(&format!("/runs/{run}/tasks/t")).await;
    let attempts = task["attempts"].as_array().unwrap();
    assert_eq!((attempts.len(), &attempts[1]["state"]), (2, &"running".into()), "{task:#}");
    assert_eq!(attempts[0]["end"]["outcome"], "lost", "its own report is refused: {task:#}");
    cancel(&client, &run).await;
    client.reaches(&run, "cancelled").await;
}

async fn an_exclusive_task_of_a_stopped_executor_is_ended_before_it_runs_elsewhere(cell: Cell) {
    ended_by_its_guard(cell, Fate::Frozen).await;
}
on_cells!(an_exclusive_task_of_a_stopped_executor_is_ended_before_it_runs_elsewhere: SQLITE_DOCKER);

async fn an_exclusive_task_of_a_killed_executor_is_ended_before_it_runs_elsewhere(cell: Cell) {
    ended_by_its_guard(cell, Fate::Killed).await;
}
on_cells!(an_exclusive_task_of_a_killed_executor_is_ended_before_it_runs_elsewhere: MONGO_DOCKER);
