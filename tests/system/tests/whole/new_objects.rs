//! What a person brings in starts a run: once, whatever becomes of the service that looks for it.

use std::collections::BTreeMap;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use system_tests::{Cell, Client, RuntimeKind, Service, Stack, eventually, eventually_ok, on_cells, task};

const READS_IT: &str = "inputs: { data: { upload: '${{ inputs.file }}' } }
env: { FILE: '${{ inputs.file }}', SIMULATE: \"line=simulated\" }
run: cat $INPUT_DATA/$FILE
";
const STARTS_IT: &str = "inputs: { file: { type: string } }
on:
  object_created: { name: arrivals, prefix: uploads/, inputs: { file: '${{ event.data.upload }}' } }
";
const LOOKS: &str = "emboflow_trigger_object_look_seconds_count";

async fn sent(request: RequestBuilder) -> Value {
    let answer = request.send().await.unwrap();
    let (status, said) = (answer.status(), answer.text().await.unwrap());
    assert!(status.is_success(), "{status} {said}");
    serde_json::from_str(&said).unwrap()
}

/// Brings a file in, as page and command line do; gives its version.
async fn upload(stack: &Stack, name: &str, content: &str) -> String {
    let client = stack.client();
    let wanted = json!({ "name": name, "size_bytes": content.len() });
    let ticket = sent(client.request(Method::POST, "/uploads").json(&wanted)).await;
    let said = |field: &str| ticket[field].as_str().unwrap().to_owned();
    // The proxy of an installation leads there.
    let place = format!("{}/{}", stack.gateway.url(), said("url"));
    let bytes = reqwest::Client::new().put(place).bearer_auth(said("token")).body(content.to_owned());
    let stored = sent(bytes).await;
    let path = format!("/uploads/{name}/versions/{}", said("version"));
    sent(client.request(Method::PUT, &path).json(&json!({ "sha256": stored["sha256"] }))).await;
    said("version")
}

/// Waits until the trigger has looked through everything so many times more.
async fn has_looked(trigger: &Service, times: u64) {
    let from = eventually_ok("it says how often it has looked", || trigger.figure(LOOKS)).await;
    eventually_ok("the trigger has looked", || async {
        let looks = trigger.figure(LOOKS).await?;
        if looks >= from + times { Ok(()) } else { Err(format!("{looks} looks, {from} before")) }
    })
    .await;
}

/// The runs that the trigger has started, by the files that they are for.
async fn started(client: &Client) -> BTreeMap<String, Vec<String>> {
    let list = client.get("/runs?label=emboflow/trigger=arrivals&limit=100").await;
    let mut by_file: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for item in list["items"].as_array().unwrap() {
        let run = client.run(item["id"].as_str().unwrap()).await.unwrap();
        let file = run["inputs"]["file"].as_str().unwrap().to_owned();
        by_file.entry(file).or_default().push(run["id"].as_str().unwrap().to_owned());
    }
    by_file
}

/// Waits for the run of a file, which reads what was brought in; it is the file's only one.
async fn is_read_by_one_run(stack: &Stack, file: &str, version: &str, content: &str) -> String {
    let client = stack.client();
    let what = format!("{file} has its run");
    let runs = eventually(&what, || async { started(&client).await.remove(file) }).await;
    let [run] = &runs[..] else { panic!("{file} has several runs: {runs:?}") };
    let ended = client.reaches(run, "succeeded").await;
    assert_eq!(ended["uploads"][file]["version"], version);
    if stack.cell.runtime == RuntimeKind::Docker {
        assert_eq!(client.text(&format!("/runs/{run}/tasks/t/logs")).await, content);
    }
    run.clone()
}

async fn an_upload_starts_one_run_and_no_other_look_or_start_starts_another(cell: Cell) {
    let stack = Stack::start(cell).await;
    let client = stack.client();
    let mut trigger = stack.trigger_service();
    trigger.start().await;
    let source = task(READS_IT) + STARTS_IT;
    sent(client.request(Method::PUT, "/workflows/single").json(&json!({ "source": source }))).await;
    has_looked(&trigger, 1).await;

    let first = upload(&stack, "a.csv", "of the first\n").await;
    let of_first = is_read_by_one_run(&stack, "a.csv", &first, "of the first\n").await;
    has_looked(&trigger, 2).await;
    trigger.restart().await;
    has_looked(&trigger, 1).await;
    // Keys are looked at in their order: when this one has its run, the first one has been passed over.
    let second = upload(&stack, "b.csv", "of the second\n").await;
    let of_second = is_read_by_one_run(&stack, "b.csv", &second, "of the second\n").await;
    let both = [("a.csv".to_owned(), vec![of_first]), ("b.csv".to_owned(), vec![of_second])];
    assert_eq!(started(&client).await, both.into());
    eventually("the history has each object once", || async {
        let history = client.get("/triggers/arrivals/history").await;
        // That it could not look for a moment, on a busy machine, stands there too.
        let is_of_object = |start: &&Value| start["cause"].as_str().unwrap().starts_with("object ");
        let starts: Vec<_> = history["items"].as_array().unwrap().iter().filter(is_of_object).collect();
        assert!(starts.len() <= 2, "{history:#}");
        (starts.len() == 2 && starts.iter().all(|start| start["result"] == "started")).then_some(())
    })
    .await;
}
on_cells!(an_upload_starts_one_run_and_no_other_look_or_start_starts_another: SQLITE_SIMULATED, MONGO_DOCKER);
