//! Uploads: the file that a person brings in is what a run reads, to its end and in its repetitions.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::{Client, Up, task};

const READS_IT: &str = "inputs: { data: { upload: data.txt } }
run: |
  cat $INPUT_DATA/data.txt
  if touch $INPUT_DATA/data.txt 2> /dev/null; then echo and it can be changed; fi
";

async fn log_of(client: &Client, run: &str) -> String {
    client.reaches(run, "succeeded").await;
    client.text(&format!("/runs/{run}/tasks/t/logs")).await
}

fn pinned(run: &Value) -> &str {
    run["uploads"]["data.txt"]["version"].as_str().expect("the run has pinned its upload")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_reads_the_upload_that_was_the_newest_when_it_began() {
    let up = Up::start().await;
    let client = up.client();
    let early = client.try_submit("upload-0", &task(READS_IT)).await.unwrap();
    assert_eq!((early.status, &early.body["code"]), (StatusCode::NOT_FOUND, &json!("upload.not_found")));

    let folder = tempfile::tempdir().unwrap();
    let put = async |text: &str| {
        let file = folder.path().join("what people call it.txt");
        std::fs::write(&file, text).unwrap();
        up.command(&["upload", "put", file.to_str().unwrap(), "--name", "data.txt"]).await;
    };
    put("the first version\n").await;
    let first = client.submit("upload-1", &task(READS_IT)).await;
    assert_eq!(log_of(&client, &first).await, "the first version\n");
    put("the second version\n").await;
    let second = client.submit("upload-2", &task(READS_IT)).await;
    assert_eq!(log_of(&client, &second).await, "the second version\n");

    let again = client.request(Method::POST, &format!("/runs/{first}/retry"));
    let again = again.json(&json!({ "tasks": ["t"] })).send().await.unwrap();
    let status = again.status();
    let again: Value = again.json().await.unwrap();
    assert!(status.is_success(), "{again}");
    let again = again["id"].as_str().unwrap_or_else(|| panic!("{again}")).to_owned();
    assert_eq!(log_of(&client, &again).await, "the first version\n", "a repetition reads the same bytes");
    let (first, second) = (client.run(&first).await.unwrap(), client.run(&second).await.unwrap());
    assert_eq!(pinned(&first), pinned(&client.run(&again).await.unwrap()));
    assert_ne!(pinned(&first), pinned(&second));

    let shown = up.command(&["upload", "show", "data.txt", "-o", "json"]).await;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["newest"]["version"], pinned(&second));
    up.command(&["upload", "remove", "data.txt", "--version", pinned(&first), "--yes"]).await;
    let lost = client.request(Method::POST, &format!("/runs/{}/retry", first["id"].as_str().unwrap()));
    let lost: Value = lost.json(&json!({ "tasks": ["t"] })).send().await.unwrap().json().await.unwrap();
    let lost = lost["id"].as_str().unwrap_or_else(|| panic!("{lost}")).to_owned();
    client.reaches(&lost, "failed").await;
    let task = client.only_task(&lost).await;
    let attempt = &task["attempts"][0]["end"];
    assert_eq!(attempt["reason"], "stage_in_failed", "{task}");
}
