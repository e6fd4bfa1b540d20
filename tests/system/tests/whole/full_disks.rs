//! A disk is full: whoever needs it says so, nothing acknowledged is lost, and work goes on when there is space again.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::{
    Cell, Client, SmallDisk, Stack, Up, eventually, eventually_ok, on_cells, one_task, pair, task,
};

use crate::after::{all_is_there_once, attempt_is};

/// Submits until nothing new is taken, and gives the answer; all that was taken before gets into `taken`.
async fn refusal(client: &Client, taken: &mut Vec<String>) -> (StatusCode, Value) {
    for number in 0..2_000 {
        let submitted = client.try_submit(&format!("filling-{number}"), &one_task()).await.unwrap();
        match submitted.status {
            StatusCode::CREATED => taken.push(submitted.body["id"].as_str().unwrap().to_owned()),
            status => return (status, submitted.body),
        }
    }
    panic!("2,000 runs were taken onto a full disk");
}

/// Everything that was taken has succeeded, and nothing else is there.
async fn all_succeed(client: &Client, runs: &[String]) {
    for run in runs {
        client.reaches(run, "succeeded").await;
    }
    let listed = client.get("/runs?limit=500").await;
    let ids = |run: &Value| run["id"].as_str().unwrap().to_owned();
    let listed: BTreeSet<_> = listed["items"].as_array().unwrap().iter().map(ids).collect();
    assert_eq!(listed, runs.iter().cloned().collect::<BTreeSet<_>>());
}

async fn when_nats_has_no_disk_left_requests_are_refused_until_it_has(cell: Cell) {
    let disk = SmallDisk::mount(48);
    let store = disk.path().join("store");
    let mut stack = Stack::start_with_nats(cell, |options| options.store_dir = store).await;
    let client = stack.client();
    let mut taken = vec![client.submit("under-way", &pair(1_500)).await];
    attempt_is(&client, &taken[0], "first", "running").await;

    disk.fill();
    stack.doing = "submitting to a full NATS".to_owned();
    let (status, problem) = refusal(&client, &mut taken).await;
    assert_eq!(
        (status, &problem["code"], &problem["retryable"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("bus.unavailable"), &json!(true)),
        "{problem:#}"
    );
    assert!(client.run(&taken[0]).await.is_some(), "reading needs no NATS");

    disk.free();
    stack.doing = "going on after NATS had a full disk".to_owned();
    // A stream that met a full disk stays closed; whoever runs the server starts it anew (`emboflow up` does).
    stack.nats.restart().await;
    // The refused key can be used again, and is one run whatever became of the first try.
    taken.push(client.submit(&format!("filling-{}", taken.len() - 1), &one_task()).await);
    all_succeed(&client, &taken).await;
    all_is_there_once(&stack, &client, &taken[0], 2).await;
}
on_cells!(when_nats_has_no_disk_left_requests_are_refused_until_it_has: SQLITE_SIMULATED);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn emboflow_up_goes_on_by_itself_after_its_whole_disk_was_full() {
    let disk = SmallDisk::mount(64);
    let up = Up::start_in(Some(disk.path().join("data"))).await;
    let client = up.client();
    let mut taken = vec![client.submit("before", &one_task()).await];
    client.reaches(&taken[0], "succeeded").await;

    disk.fill();
    // Too large for the room that is left in the last page of a file.
    let large = format!("{}# {}\n", one_task(), "x".repeat(200_000));
    let refused = client.try_submit("large", &large).await.unwrap();
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("bus.unavailable")),
        "{:#}",
        refused.body
    );

    disk.free();
    taken.push(client.submit("large", &large).await);
    all_succeed(&client, &taken).await;
}

async fn when_the_records_have_no_disk_left_nothing_is_promised_and_nothing_lost(cell: Cell) {
    let disk = SmallDisk::mount(32);
    let mut stack = Stack::start_changed(cell, |stack| {
        for service in [&mut stack.scheduler, &mut stack.api] {
            service.set("records.sqlite.path", disk.place("records.db"));
        }
    })
    .await;
    let client = stack.client();
    let mut taken = vec![client.submit("under-way", &pair(1_500)).await];
    attempt_is(&client, &taken[0], "first", "running").await;

    disk.fill();
    stack.doing = "submitting while the records' disk is full".to_owned();
    // NATS has it safely, but it is no run before the records have it.
    let (status, body) = refusal(&client, &mut taken).await;
    assert_eq!((status, &body["status"]), (StatusCode::ACCEPTED, &json!("pending")), "{body:#}");
    stack.scheduler.complains("records", "disk_full").await;
    stack.api.complains("records", "disk_full").await;
    let source = json!({ "source": one_task() });
    let applied = client.request(Method::PUT, "/workflows/one").json(&source).send().await.unwrap();
    let (status, problem): (_, Value) = (applied.status(), applied.json().await.unwrap());
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("records.unavailable")),
        "{problem:#}"
    );
    stack.doing = "starting on a full disk".to_owned();
    stack.scheduler.restart().await;
    stack.api.restart().await;
    stack.scheduler.complains("records", "disk_full").await;
    for run in &taken {
        assert!(client.run(run).await.is_some(), "what was acknowledged can be read");
    }

    disk.free();
    stack.doing = "going on after the records had a full disk".to_owned();
    let pending = format!("/requests/filling-{}", taken.len() - 1);
    let decided = eventually("the pending request is decided", || async {
        client.get(&pending).await["run_id"].as_str().map(str::to_owned)
    })
    .await;
    taken.push(decided);
    all_succeed(&client, &taken).await;
    all_is_there_once(&stack, &client, &taken[0], 2).await;
    stack.ready().await;
}
on_cells!(when_the_records_have_no_disk_left_nothing_is_promised_and_nothing_lost: SQLITE_SIMULATED);

async fn when_the_storage_has_no_disk_left_outputs_wait_and_what_stores_nothing_goes_on(cell: Cell) {
    let disk = SmallDisk::mount(16);
    let mut stack = Stack::start_changed(cell, |stack| {
        stack.gateway.set("backend.directory.root", disk.place("objects"));
    })
    .await;
    let client = stack.client();
    disk.fill();
    stack.gateway.complains("backend", "free").await;
    let waiting = client.submit("waiting", &one_task()).await;
    attempt_is(&client, &waiting, "note", "finishing").await;
    let silent = client.submit("silent", &task("run: \"true\"")).await;
    client.reaches(&silent, "succeeded").await;
    assert_eq!(client.run(&waiting).await.unwrap()["state"], "running", "no success without its artifact");
    stack.gateway.restart().await;
    stack.gateway.complains("backend", "free").await;

    disk.free();
    stack.doing = "going on after the storage had a full disk".to_owned();
    client.reaches(&waiting, "succeeded").await;
    assert_eq!(client.text(&format!("/runs/{waiting}/artifacts/note/note/note.txt")).await, "noted");
    all_is_there_once(&stack, &client, &waiting, 1).await;
    stack.ready().await;
}
on_cells!(when_the_storage_has_no_disk_left_outputs_wait_and_what_stores_nothing_goes_on: SQLITE_SIMULATED);

async fn a_program_that_fails_because_its_executor_has_no_disk_left_is_repeated_at_nobodys_expense(
    cell: Cell,
) {
    let disk = SmallDisk::mount(16);
    let mut stack = Stack::start_changed(cell, |stack| {
        stack.executor.set("data_dir", disk.place("exec-1"));
        stack.executor.set("disk_reserve_bytes", 2 << 20);
    })
    .await;
    let client = stack.client();
    let writer = "env: { SIMULATE: \"ms=4000 write=out.txt:ok\" }\nrun: sleep 4; printf ok > out.txt\n\
                  outputs: { out: { path: out.txt } }";
    let run = client.submit("writer", &task(writer)).await;
    attempt_is(&client, &run, "t", "running").await;
    disk.fill();
    stack.doing = "failing on a full executor".to_owned();
    let end = eventually("its first attempt has ended", || async {
        let answer = client.try_get(&format!("/runs/{run}/tasks/t")).await.ok()?;
        let task: Value = answer.json().await.ok()?;
        Some(task["attempts"][0]["end"].clone()).filter(|end| !end.is_null())
    })
    .await;
    assert_eq!((&end["cause"], &end["reason"]), (&json!("infra"), &json!("disk_full")), "{end:#}");

    disk.free();
    stack.doing = "going on after the executor had a full disk".to_owned();
    // The task has one attempt of its own.
    client.reaches(&run, "succeeded").await;
    assert_eq!(client.text(&format!("/runs/{run}/artifacts/t/out/out.txt")).await, "ok");
    all_is_there_once(&stack, &client, &run, 1).await;
}
on_cells!(a_program_that_fails_because_its_executor_has_no_disk_left_is_repeated_at_nobodys_expense: SQLITE_SIMULATED, SQLITE_DOCKER);

/// Says 24 MiB, more than the executor's disk has room for.
const CHATTY: &str = "env: { SIMULATE: \"ms=2000 bytes=25165824\" }\n\
                      run: yes \"$(head -c 4095 /dev/zero | tr '\\0' x)\" | head -c 25165824; sleep 60";

async fn when_the_executor_has_no_disk_left_a_chatty_task_ends_and_quiet_ones_go_on(cell: Cell) {
    let disk = SmallDisk::mount(16);
    let mut stack = Stack::start_changed(cell, |stack| {
        stack.executor.set("data_dir", disk.place("exec-1"));
        stack.executor.set("disk_reserve_bytes", 2 << 20);
        stack.scheduler.set("policy.infra_retries", 1);
    })
    .await;
    let client = stack.client();
    let quiet = client.submit("quiet", &task("env: { SIMULATE: ms=6000 }\nrun: sleep 6")).await;
    attempt_is(&client, &quiet, "t", "running").await;
    let chatty = client.submit("chatty", &task(CHATTY)).await;
    let ended = client.only_task(&chatty).await;
    assert_eq!((&ended["state"], &ended["reason"]), (&json!("failed"), &json!("disk_full")), "{ended:#}");
    for attempt in ended["attempts"].as_array().unwrap() {
        assert_eq!(
            (&attempt["end"]["cause"], &attempt["end"]["reason"]),
            (&json!("infra"), &json!("disk_full"))
        );
    }

    eventually("nothing of the chatty task is left on the disk", || async {
        let folders = std::fs::read_dir(disk.path().join("exec-1/attempts")).ok()?;
        let left = folders.flatten().any(|folder| folder.file_name().to_string_lossy().contains(&chatty));
        (!left).then_some(())
    })
    .await;

    disk.fill();
    stack.doing = "asking a full executor for work".to_owned();
    stack.executor.complains("disk", "too full to take work").await;
    let waiting = client.submit("waiting", &one_task()).await;
    eventually_ok("the task waits for the executor's disk", || async {
        let task = client.get(&format!("/runs/{waiting}/tasks/note")).await;
        let reason = task["wait_reason"].as_str().unwrap_or_default();
        reason.contains("the disk of executor exec-1 is full").then_some(()).ok_or(format!("{task:#}"))
    })
    .await;
    // What runs already needs no more of the disk.
    client.reaches(&quiet, "succeeded").await;
    stack.executor.restart().await;
    stack.executor.complains("disk", "too full to take work").await;

    disk.free();
    stack.doing = "going on after the executor had a full disk".to_owned();
    client.reaches(&waiting, "succeeded").await;
    all_is_there_once(&stack, &client, &waiting, 1).await;
    stack.ready().await;
}
on_cells!(when_the_executor_has_no_disk_left_a_chatty_task_ends_and_quiet_ones_go_on: SQLITE_SIMULATED, SQLITE_DOCKER);
