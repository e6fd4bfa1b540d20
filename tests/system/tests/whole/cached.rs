//! Results that are there already are taken over, by runs that name nobody, for as long as their run is kept.

use reqwest::Method;
use serde_json::{Value, json};
use system_tests::{Cell, Client, Stack, eventually, on_cells, one_task, workflow_of};

use crate::after::attempt_is;

const MAKE: &str = "    cache: true
    env: { WHO: \"${{ inputs.who }}\", SIMULATE: \"line=made write=data.txt:data\" }
    run: |
      echo made
      printf data > data.txt
    outputs: { data: { path: data.txt } }
";
const INPUTS: &str = "inputs: { who: { type: string, default: anna } }";

/// `make` is cached, and `use` runs each time.
fn chain() -> String {
    let used = "  use:
    inputs: { data: \"${{ tasks.make.outputs.data }}\" }
    env: { SIMULATE: \"line=used\" }
    run: cat $INPUT_DATA/data.txt; echo used
";
    workflow_of("chain", INPUTS, &format!("  make:\n{MAKE}{used}"))
}

/// The same task under another name, and one that does not end soon.
fn other() -> String {
    let wait = "  wait:
    needs: [produce]
    env: { SIMULATE: \"line=waiting ms=60000\" }
    run: sleep 60
";
    workflow_of("other", INPUTS, &format!("  produce:\n{MAKE}{wait}"))
}

/// A run of this body that has succeeded.
async fn succeeded(client: &Client, key: &str, body: Value) -> String {
    let run = eventually(&format!("{key} is accepted"), || async {
        let request = client.request(Method::POST, "/runs").header("Idempotency-Key", key).json(&body);
        let answer: Value = request.send().await.ok()?.json().await.ok()?;
        answer["id"].as_str().map(str::to_owned)
    })
    .await;
    client.reaches(&run, "succeeded").await;
    run
}

/// The run that repeats a part of this one, when it has succeeded.
async fn rerun(client: &Client, run: &str, key: &str, body: &Value) -> String {
    let new = eventually("a new run repeats it", || async {
        let request = client.request(Method::POST, &format!("/runs/{run}/retry"));
        let answer = request.header("Idempotency-Key", key).json(body).send().await.ok()?;
        answer.json::<Value>().await.ok()?["id"].as_str().map(str::to_owned)
    })
    .await;
    client.reaches(&new, "succeeded").await;
    new
}

async fn task(client: &Client, run: &str, key: &str) -> Value {
    client.get(&format!("/runs/{run}/tasks/{key}")).await
}

async fn the_second_run_takes_over_what_the_first_one_made(cell: Cell) {
    let mut stack = Stack::start(cell).await;
    let client = stack.client();
    let first = succeeded(&client, "first", json!({ "source": chain() })).await;
    let second = succeeded(&client, "second", json!({ "source": chain() })).await;
    let made = task(&client, second.as_str(), "make").await;
    assert_eq!((&made["state"], &made["attempts"]), (&json!("cached"), &json!([])), "{made:#}");
    assert_eq!(made["taken_over_from"], json!(first));
    assert_eq!(client.text(&format!("/runs/{second}/artifacts/make/data/data.txt")).await, "data");
    assert_eq!(client.text(&format!("/runs/{second}/tasks/make/logs")).await, "made\n");
    assert_eq!(task(&client, &second, "use").await["state"], "succeeded", "it had the file to read");

    // Another input is another result; asked for anew it is made anew, and then the newest.
    let body = json!({ "source": chain(), "inputs": { "who": "bert" } });
    let third = succeeded(&client, "third", body).await;
    assert_eq!(task(&client, &third, "make").await["state"], "succeeded");
    let anew = succeeded(&client, "anew", json!({ "source": chain(), "no_cache": true })).await;
    assert_eq!(task(&client, &anew, "make").await["state"], "succeeded");
    stack.scheduler.restart().await;
    let last = succeeded(&client, "last", json!({ "source": chain() })).await;
    assert_eq!(task(&client, &last, "make").await["taken_over_from"], json!(anew));

    // A rerun repeats what reads the other input; there is a result of that, unless it is to be made anew.
    let mut body = json!({ "inputs": { "who": "bert" } });
    let found = rerun(&client, &last, "found", &body).await;
    assert_eq!(task(&client, &found, "make").await["taken_over_from"], json!(third));
    body["no_cache"] = json!(true);
    let made = rerun(&client, &last, "made", &body).await;
    assert_eq!(task(&client, &made, "make").await["state"], "succeeded");
}
on_cells!(the_second_run_takes_over_what_the_first_one_made: SQLITE_DOCKER, MONGO_SIMULATED);

async fn what_is_cleared_is_made_once_more_and_its_run_stays(cell: Cell) {
    let stack = Stack::start(cell).await;
    let client = stack.client();
    let clear = async |body: Value| -> Value {
        let asked = client.request(Method::POST, "/cache/clearings").json(&body).send().await.unwrap();
        assert!(asked.status().is_success(), "{}", asked.status());
        asked.json().await.unwrap()
    };
    let first = succeeded(&client, "first", json!({ "source": chain() })).await;
    clear(json!({ "workflow": "nobody" })).await;
    let second = succeeded(&client, "second", json!({ "source": chain() })).await;
    assert_eq!(task(&client, &second, "make").await["taken_over_from"], json!(first), "that was another's");
    let mut latest = first.clone();
    for (body, key) in [(json!({ "workflow": "chain" }), "of-chain"), (json!({}), "of-all")] {
        let cleared = clear(body).await;
        assert!(cleared["at"].is_string() && cleared["by"].is_string(), "{cleared}");
        let made = succeeded(&client, key, json!({ "source": chain() })).await;
        assert_eq!(task(&client, &made, "make").await["state"], "succeeded", "{key}: from {latest}");
        let next = succeeded(&client, &format!("{key}-next"), json!({ "source": chain() })).await;
        assert_eq!(task(&client, &next, "make").await["taken_over_from"], json!(made), "made since then");
        latest = made;
    }
    assert_eq!(client.text(&format!("/runs/{first}/artifacts/make/data/data.txt")).await, "data");
    let listed = client.get("/cache/clearings").await;
    let names: Vec<_> = listed["items"].as_array().unwrap().iter().map(|one| &one["workflow"]).collect();
    assert_eq!(names, [&Value::Null, &json!("chain"), &json!("nobody")]);
}
on_cells!(what_is_cleared_is_made_once_more_and_its_run_stays: SQLITE_SIMULATED, MONGO_SIMULATED);

async fn a_run_stays_while_another_one_uses_its_result_and_takes_it_along_when_it_goes(cell: Cell) {
    let mut stack = Stack::start(cell).await;
    let client = stack.client();
    let first = succeeded(&client, "first", json!({ "source": chain() })).await;
    let unused = client.submit("unused", &one_task()).await;
    client.reaches(&unused, "succeeded").await;
    let open = client.submit("open", &other()).await;
    attempt_is(&client, &open, "wait", "running").await;
    assert_eq!(task(&client, &open, "produce").await["taken_over_from"], json!(first));

    stack.scheduler.kill().await;
    stack.scheduler.set("retention.finished_runs_days", 0);
    stack.scheduler.start().await;
    let is_gone = |run: String| {
        let client = &client;
        async move {
            let answer = client.try_get(&format!("/runs/{run}")).await.ok()?;
            (answer.status() == reqwest::StatusCode::NOT_FOUND).then_some(())
        }
    };
    eventually("what nobody uses is gone", || is_gone(unused.clone())).await;
    assert!(is_gone(first.clone()).await.is_none(), "its result is in use");
    assert!(stack.objects_of(&first) > 0);

    client.request(Method::POST, &format!("/runs/{open}/cancel")).send().await.unwrap();
    client.reaches(&open, "cancelled").await;
    // A start looks at what is over: the run that used it goes, and then it is used no more.
    stack.scheduler.restart().await;
    eventually("both are gone", || async {
        is_gone(open.clone()).await?;
        is_gone(first.clone()).await
    })
    .await;
    stack.scheduler.kill().await;
    stack.scheduler.unset("retention.finished_runs_days");
    stack.scheduler.start().await;
    let later = succeeded(&client, "later", json!({ "source": chain() })).await;
    assert_eq!(task(&client, &later, "make").await["state"], "succeeded", "nothing is there any more");
}
on_cells!(
    a_run_stays_while_another_one_uses_its_result_and_takes_it_along_when_it_goes: SQLITE_SIMULATED,
    MONGO_SIMULATED
);
