//! `cancelled` means that nothing of the run runs any more.

use reqwest::{Method, StatusCode};
use system_tests::{Cell, Client, Stack, long_task, on_cells};

use crate::after::attempt_is;

async fn running(client: &Client) -> String {
    let run = client.submit("long", &long_task()).await;
    attempt_is(client, &run, "wait", "running").await;
    run
}

async fn cancel(client: &Client, run: &str) {
    let answer = client.request(Method::POST, &format!("/runs/{run}/cancel")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap_or_default());
}

async fn nothing_of_a_cancelled_run_runs_afterwards(cell: Cell) {
    let stack = Stack::start(cell).await;
    let client = stack.client();
    let run = running(&client).await;
    cancel(&client, &run).await;
    client.reaches(&run, "cancelled").await;
    assert_eq!(stack.containers.running(&run), Vec::<String>::new());
    assert_eq!(client.text(&format!("/runs/{run}/tasks/wait/logs")).await, "waiting\n");
}
on_cells!(nothing_of_a_cancelled_run_runs_afterwards);

async fn a_cancel_reaches_a_container_whose_executor_was_killed(cell: Cell) {
    let mut stack = Stack::start(cell).await;
    let client = stack.client();
    let run = running(&client).await;
    stack.executor.kill().await;
    cancel(&client, &run).await;
    assert_eq!(stack.containers.running(&run).len(), 1, "the container goes on without its executor");
    assert_eq!(client.run(&run).await.unwrap()["state"], "cancelling");
    stack.executor.start().await;
    client.reaches(&run, "cancelled").await;
    assert_eq!(stack.containers.running(&run), Vec::<String>::new());
}
on_cells!(a_cancel_reaches_a_container_whose_executor_was_killed: SQLITE_DOCKER);
