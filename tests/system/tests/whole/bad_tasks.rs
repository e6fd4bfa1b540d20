//! What a task can do wrong in a real container: each has its own reason and words, and other runs go on.

use std::io::{Read, Write};
use std::net::TcpListener;

use futures::future::join_all;
use reqwest::StatusCode;
use system_tests::{Cell, Client, Stack, on_cells, one_task, task};

use crate::after::all_is_there_once;

/// A task that goes wrong.
struct Bad {
    name: &'static str,
    fields: String,
    /// Outcome, cause and reason of its last attempt.
    end: [&'static str; 3],
    /// What its message says.
    words: &'static str,
    /// Attempts that it has.
    attempts: usize,
}

fn bad_tasks(empty_registry: u16) -> Vec<Bad> {
    let bad =
        |name, fields: &str, end, words| Bad { name, fields: fields.to_owned(), end, words, attempts: 1 };
    let failed = |reason| ["failed", "user", reason];
    vec![
        bad(
            "missing-image",
            &format!("image: 127.0.0.1:{empty_registry}/none:1\ncommand: [x]"),
            failed("image_not_found"),
            "Check its name and tag",
        ),
        Bad {
            // Charged to nobody's retries: it is tried again although the task has one attempt.
            attempts: 2,
            ..bad(
                "unreachable-registry",
                "image: 127.0.0.1:1/none:1\ncommand: [x]",
                ["failed", "infra", "image_unavailable"],
                "connection refused",
            )
        },
        bad("missing-command", "command: [/no/such]", failed("bad_command"), "Check `command`"),
        bad("missing-program", "run: no-such-program", failed("exit_code"), "127"),
        bad(
            "out-of-memory",
            "resources: { memory: 16Mi }\nrun: tail /dev/zero",
            failed("oom_killed"),
            "memory limit of 16 MiB",
        ),
        bad(
            "ignores-term",
            "timeout: 1s\nstop: { grace: 1s }\nrun: |\n  trap '' TERM\n  while true; do sleep 1; done",
            ["timed_out", "user", "run_timeout"],
            "longer than its `timeout`",
        ),
        bad(
            "link-out-of-the-workspace",
            "run: ln -s /etc/passwd out.txt\noutputs: { o: { path: out.txt } }",
            failed("stage_out_failed"),
            "leaves the workspace",
        ),
        bad(
            "folder-link-out-of-the-workspace",
            "run: ln -s / up\noutputs: { o: { path: up/etc/ } }",
            failed("stage_out_failed"),
            "leaves the workspace",
        ),
        bad(
            "odd-file-name",
            "run: mkdir out; touch \"$(printf 'out/a\\\\nb')\"\noutputs: { o: { path: out/ } }",
            failed("stage_out_failed"),
            "characters that are not allowed",
        ),
        bad(
            "missing-output",
            "run: \"true\"\noutputs: { o: { path: out.txt } }",
            failed("stage_out_failed"),
            "did not write it",
        ),
    ]
}

/// A registry on any free port that has no image.
fn empty_registry() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut asked = [0; 4096];
            let length = stream.read(&mut asked).unwrap_or(0);
            let is_base = asked[..length].starts_with(b"GET /v2/ ");
            let (status, body) = match is_base {
                true => ("200 OK", "{}"),
                false => (
                    "404 Not Found",
                    r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#,
                ),
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n\
                 Docker-Distribution-Api-Version: registry/2.0\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    port
}

async fn goes_wrong(stack: &Stack, client: &Client, bad: &Bad) {
    let run = client.submit(bad.name, &task(&bad.fields)).await;
    let found = client.only_task(&run).await;
    assert_eq!(found["state"], "failed", "{}: {found:#}", bad.name);
    let attempts = found["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), bad.attempts, "{}: {found:#}", bad.name);
    for attempt in attempts {
        let end = &attempt["end"];
        assert_eq!([&end["outcome"], &end["cause"], &end["reason"]], bad.end, "{}: {end:#}", bad.name);
        assert!(end["message"].as_str().unwrap().contains(bad.words), "{}: {end:#}", bad.name);
    }
    assert_eq!(stack.containers.running(&run), Vec::<String>::new(), "{}", bad.name);
}

async fn each_bad_task_ends_with_its_own_reason_while_others_go_on(cell: Cell) {
    let stack = Stack::start_changed(cell, |stack| stack.scheduler.set("policy.infra_retries", 1)).await;
    let client = stack.client();
    let bad = bad_tasks(empty_registry());
    let good = async {
        let run = client.submit("good", &one_task()).await;
        client.reaches(&run, "succeeded").await;
        all_is_there_once(&stack, &client, &run, 1).await;
    };
    let wrong = join_all(bad.iter().map(|bad| goes_wrong(&stack, &client, bad)));
    let ((), _) = tokio::join!(good, wrong);
}
on_cells!(each_bad_task_ends_with_its_own_reason_while_others_go_on: SQLITE_DOCKER);

/// A log as its bytes.
async fn log(client: &Client, run: &str) -> Vec<u8> {
    let answer = client.try_get(&format!("/runs/{run}/tasks/t/logs")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    answer.bytes().await.unwrap().to_vec()
}

async fn a_long_line_and_bytes_of_all_values_are_kept_as_they_were_written(cell: Cell) {
    let stack = Stack::start(cell).await;
    let client = stack.client();
    let line =
        client.submit("line", &task("run: head -c 1000000 /dev/zero | tr '\\0' x; echo; echo end")).await;
    let noise = "run: head -c 300000 /dev/urandom > noise; cat noise\noutputs: { noise: { path: noise } }";
    let noise = client.submit("noise", &task(noise)).await;

    client.reaches(&line, "succeeded").await;
    let said = log(&client, &line).await;
    assert_eq!(said.len(), 1_000_001 + 4);
    assert!(said.ends_with(b"x\nend\n") && said[..1_000_000].iter().all(|byte| *byte == b'x'));
    let tail = client.text(&format!("/runs/{line}/tasks/t/logs?tail=1")).await;
    assert_eq!(tail, "end\n");

    client.reaches(&noise, "succeeded").await;
    let written = client.try_get(&format!("/runs/{noise}/artifacts/t/noise/noise")).await.unwrap();
    let written = written.bytes().await.unwrap();
    let said = log(&client, &noise).await;
    let same = said.iter().zip(&written).take_while(|(said, written)| said == written).count();
    assert_eq!((said.len(), same), (written.len(), written.len()), "the log differs from byte {same} on");
}
on_cells!(a_long_line_and_bytes_of_all_values_are_kept_as_they_were_written: SQLITE_DOCKER);
