//! Tasks that people decide: over HTTP and over NATS, in time and not, once and again, with a scheduler that is killed
//! between question and answer.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::{Cell, Client, Stack, eventually, on_cells};

use crate::outsider::ask;

/// Asks, and says what was filled in.
fn asking(timeout: &str) -> String {
    format!(
        "version: 1
name: asking
tasks:
  review:
    approval:
      message: \"Run ${{{{ run.id }}}}?\"
      inputs: {{ word: {{ type: string, default: quiet }} }}
{timeout}  say:
    needs: [review]
    image: emboflow/examples-hello:1
    env: {{ WORD: \"${{{{ tasks.review.values.word }}}}\", SIMULATE: \"line=${{{{ tasks.review.values.word }}}}\" }}
    run: echo \"$WORD\"
"
    )
}

/// Decides until it is known what became of it: the same decision again is answered as the first was.
async fn decide(client: &Client, run: &str, task: &str, body: &Value) -> (StatusCode, Value) {
    eventually("the decision is answered", || async {
        let request = client.request(Method::POST, &format!("/runs/{run}/tasks/{task}/decision"));
        let response = request.json(body).send().await.ok()?;
        let status = response.status();
        let is_known = status != StatusCode::ACCEPTED && !status.is_server_error();
        Some((status, response.json().await.ok()?)).filter(|_| is_known)
    })
    .await
}

/// The run waits for a person, and says so in every list.
async fn until_asked(client: &Client, run: &str) -> Value {
    eventually("people are asked", || async {
        let open = client.get("/approvals").await;
        open["items"].as_array().unwrap().iter().find(|open| open["run"] == run).cloned()
    })
    .await
}

async fn a_decision_survives_a_killed_scheduler_and_is_made_once(cell: Cell) {
    let mut stack = Stack::start(cell).await;
    let client = stack.client();
    let run = client.submit("approved", &asking("")).await;
    let open = until_asked(&client, &run).await;
    assert_eq!(open["message"], format!("Run {run}?"));
    assert_eq!(client.run(&run).await.unwrap()["approvals"], json!(["review"]));
    stack.scheduler.kill().await;
    stack.scheduler.start().await;
    stack.ready().await;
    let client = stack.client();

    let wrong = json!({ "approve": true, "inputs": { "word": 7 } });
    let (status, problem) = decide(&client, &run, "review", &wrong).await;
    assert!(status.is_client_error(), "{problem}");
    assert_eq!(problem["errors"][0]["pointer"], "/inputs/word", "{problem}");
    let yes = json!({ "approve": true, "inputs": { "word": "loud" }, "comment": "fine" });
    let (status, shown) = decide(&client, &run, "review", &yes).await;
    assert_eq!((status, &shown["id"]), (StatusCode::OK, &json!(run)), "{shown}");
    client.reaches(&run, "succeeded").await;
    assert_eq!(client.text(&format!("/runs/{run}/tasks/say/logs")).await, "loud\n");
    let review = client.get(&format!("/runs/{run}/tasks/review")).await;
    assert_eq!(review["approval"]["decision"]["by"], "local", "{review}");
    assert_eq!((&review["values"]["word"], &review["state"]), (&json!("loud"), &json!("succeeded")));

    let (status, _) = decide(&client, &run, "review", &yes).await;
    assert_eq!(status, StatusCode::OK, "the same again, though the run has ended");
    let (status, problem) = decide(&client, &run, "review", &json!({ "approve": false })).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("approval.decided")));
    let (_, problem) = decide(&client, &run, "say", &json!({ "approve": true })).await;
    assert_eq!(problem["code"], "approval.not_open", "{problem}");
}
on_cells!(a_decision_survives_a_killed_scheduler_and_is_made_once: SQLITE_SIMULATED, MONGO_SIMULATED);

async fn an_outsider_rejects_over_nats_in_the_name_of_its_project(cell: Cell) {
    let stack = Stack::start(cell).await;
    let (client, nats) = (stack.client(), stack.outsider().await);
    let run = client.submit("rejected", &asking("")).await;
    until_asked(&client, &run).await;
    let subject = "emboflow.request.default.decide";
    let no = json!({ "run": run, "task": "review", "approve": false, "comment": "too loud" });
    let mut forged = no.clone();
    forged["by"] = json!("user:root");
    let answer = ask(&nats, subject, "forged", &forged).await;
    assert_eq!(answer["errors"][0]["pointer"], "/by", "{answer}");
    let answer = ask(&nats, subject, "no", &no).await;
    assert_eq!((&answer["status"], &answer["run_id"]), (&json!("accepted"), &json!(run)), "{answer}");
    client.reaches(&run, "failed").await;
    let review = client.get(&format!("/runs/{run}/tasks/review")).await;
    assert_eq!(review["approval"]["decision"]["by"], "nats:default", "{review}");
    assert_eq!((&review["reason"], &review["message"]), (&json!("rejected"), &json!("too loud")));
    let again = ask(&nats, subject, "again", &no).await;
    assert_eq!((&again["status"], &again["repeated"]), (&json!("accepted"), &json!(true)), "{again}");

    // A new run asks again.
    let retried = eventually("a new run repeats it", || async {
        let request = client.request(Method::POST, &format!("/runs/{run}/retry"));
        let answer = request.header("Idempotency-Key", "retried").send().await.ok()?;
        answer.json::<Value>().await.ok()?["id"].as_str().map(str::to_owned)
    })
    .await;
    until_asked(&client, &retried).await;
    let yes = json!({ "run": retried, "task": "review", "approve": true });
    assert_eq!(ask(&nats, subject, "yes", &yes).await["status"], "accepted");
    client.reaches(&retried, "succeeded").await;
    assert_eq!(client.text(&format!("/runs/{retried}/tasks/say/logs")).await, "quiet\n", "the default");
}
on_cells!(an_outsider_rejects_over_nats_in_the_name_of_its_project: SQLITE_SIMULATED);

async fn without_a_decision_in_time_a_task_ends_as_its_file_says(cell: Cell) {
    let stack = Stack::start(cell).await;
    let client = stack.client();
    let fails = client.submit("fails", &asking("      timeout: 1s\n")).await;
    let approves = client.submit("approves", &asking("      timeout: 1s\n      on_timeout: approve\n")).await;
    client.reaches(&fails, "failed").await;
    let review = client.get(&format!("/runs/{fails}/tasks/review")).await;
    assert_eq!(review["reason"], "approval_timeout", "{review}");
    client.reaches(&approves, "succeeded").await;
    assert_eq!(client.get("/approvals").await["items"], json!([]));
}
on_cells!(without_a_decision_in_time_a_task_ends_as_its_file_says: SQLITE_SIMULATED);
