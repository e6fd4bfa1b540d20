//! Secrets: they reach the task, and nothing that anybody keeps, sends or says has their value.

use std::path::Path;
use std::sync::{Arc, Mutex};

use futures::StreamExt;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::{Cell, Stack, eventually, on_cells, task};

const KEY: &str = "key-for-the-secrets-of-a-test-installation";
const CANARY: &str = "canary-5b1f77aa90cd";
const CANARY_BASE64: &str = "Y2FuYXJ5LTViMWY3N2FhOTBjZA";
/// On a tmpfs, and found there by the engine too.
const MEMORY: &str = "/dev/shm";

const SAYS_IT: &str = "secrets: { TOKEN: { name: my-token, as: env }, KEY: my-token }
env: { SIMULATE: \"say=TOKEN say=KEY\" }
run: |
  test \"$TOKEN\" = \"$(cat $KEY_FILE)\"
  echo $TOKEN
  cat $KEY_FILE; echo
";

async fn with_a_key(cell: Cell) -> (Stack, tempfile::TempDir) {
    let memory = tempfile::tempdir_in(MEMORY).unwrap();
    let stack = Stack::start_changed(cell, |stack| {
        stack.api.set("secrets.key", KEY);
        stack.scheduler.set("secrets.key", KEY);
        stack.executor.set("secrets_dir", memory.path().join("secrets").display());
        for service in [&mut stack.api, &mut stack.scheduler, &mut stack.executor] {
            service.say_all();
        }
    })
    .await;
    (stack, memory)
}

async fn set_secret(stack: &Stack, name: &str) {
    let put = stack.client().request(Method::PUT, &format!("/secrets/{name}"));
    let answer = put.json(&json!({ "value": CANARY })).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(!shows(&answer.bytes().await.unwrap()));
}

fn shows(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.contains(CANARY) || text.contains(CANARY_BASE64)
}

/// The files below a folder that show the canary.
fn files_that_show_it(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(files_that_show_it(&path));
        } else if std::fs::read(&path).is_ok_and(|bytes| shows(&bytes)) {
            found.push(path.display().to_string());
        }
    }
    found
}

async fn a_secret_reaches_its_task_and_is_in_nothing_else(cell: Cell) {
    let (stack, memory) = with_a_key(cell).await;
    let (subjects, leaks) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<Vec<String>>>::default());
    let nats = stack.unlimited().await;
    let mut everything = nats.subscribe(">").await.unwrap();
    nats.flush().await.unwrap();
    let (heard, leaking) = (subjects.clone(), leaks.clone());
    tokio::spawn(async move {
        while let Some(message) = everything.next().await {
            let subject = message.subject.to_string();
            // The answer to a claim is the one place where the value travels: to the inbox of its executor.
            if !subject.starts_with("_INBOX") && shows(&message.payload) {
                leaking.lock().unwrap().push(subject.clone());
            }
            heard.lock().unwrap().push(subject);
        }
    });
    set_secret(&stack, "my-token").await;
    let client = stack.client();
    let run = client.submit("secret-1", &task(SAYS_IT)).await;
    client.reaches(&run, "succeeded").await;
    let log = client.text(&format!("/runs/{run}/tasks/t/logs")).await;
    assert_eq!(log.split_whitespace().collect::<Vec<_>>(), ["***", "***"], "both were there to be hidden");

    for path in [
        format!("/runs/{run}"),
        format!("/runs/{run}/tasks"),
        format!("/runs/{run}/history"),
        "/secrets".into(),
    ] {
        assert!(!shows(client.text(&path).await.as_bytes()), "{path}");
    }
    eventually("the end of the run was heard", || async {
        let heard = subjects.lock().unwrap();
        let has = |part: &str| heard.iter().any(|subject| subject.starts_with(part));
        (has("emboflow.event.") && has("emboflow.report.") && has("emboflow.command.")).then_some(())
    })
    .await;
    assert_eq!(*leaks.lock().unwrap(), Vec::<String>::new(), "messages with the value");
    assert_eq!(files_that_show_it(stack.folder()), Vec::<String>::new(), "files with the value");
    assert!(!shows(stack.logs().as_bytes()), "logs of the services");
    eventually("it has left the executor's memory", || async {
        files_that_show_it(memory.path()).is_empty().then_some(())
    })
    .await;
}
on_cells!(a_secret_reaches_its_task_and_is_in_nothing_else);

async fn a_secret_that_is_not_there_fails_the_task_and_says_which(cell: Cell) {
    let (stack, _memory) = with_a_key(cell).await;
    let client = stack.client();
    let run = client.submit("missing-1", &task("secrets: { TOKEN: no-such }\nrun: echo $TOKEN_FILE\n")).await;
    let failed = client.only_task(&run).await;
    assert_eq!(
        (&failed["state"], &failed["reason"]),
        (&json!("failed"), &json!("secret_unavailable")),
        "{failed:#}"
    );
    let message = failed["message"].as_str().unwrap();
    assert!(message.contains("`no-such`") && message.contains("`TOKEN`"), "{message}");
    assert_eq!(failed["attempts"].as_array().map(Vec::len), Some(1), "nobody tries again what cannot work");
    assert_eq!(failed["attempts"][0]["end"]["exit_code"], Value::Null, "nothing ran");
    set_secret(&stack, "no-such").await;
    let run = client.submit("missing-2", &task("secrets: { TOKEN: no-such }\nrun: cat $TOKEN_FILE\n")).await;
    client.reaches(&run, "succeeded").await;
}
on_cells!(a_secret_that_is_not_there_fails_the_task_and_says_which);
