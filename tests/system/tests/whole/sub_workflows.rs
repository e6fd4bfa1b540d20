//! Tasks that runs of other workflows carry out: to the end, failing, cancelled, with a scheduler that is killed meanwhile.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::{Cell, Client, Stack, eventually, on_cells};

/// Its one task behaves as its input says.
const CHILD: &str = "version: 1
name: child
inputs: { how: { type: string, default: ms=10 } }
tasks:
  work:
    image: emboflow/examples-hello:1
    env: { SIMULATE: \"${{ inputs.how }}\" }
    run: echo working
";

fn parent(how: &str) -> String {
    format!(
        "version: 1
name: parent
tasks:
  part: {{ uses: {{ workflow: child, inputs: {{ how: \"{how}\" }} }} }}
  after:
    needs: [part]
    image: emboflow/examples-hello:1
    run: echo after
"
    )
}

/// Gives a list, how long it is, and a file.
const GIVER: &str = "version: 1
name: child
tasks:
  work:
    image: emboflow/examples-hello:1
    env: { SIMULATE: 'line=working write=list.json:[1,2] write=out.txt:made' }
    run: |
      echo working
      printf '[1,2]' > list.json
      printf made > out.txt
    outputs:
      list: { path: list.json, value: true }
      out: { path: out.txt }
outputs:
  list: \"${{ tasks.work.values.list }}\"
  count: \"${{ size(tasks.work.values.list) }}\"
  made: \"${{ tasks.work.outputs.out }}\"
";

/// Goes on with what a run of it gives, which is read as `count`.
fn taker(count: &str) -> String {
    format!(
        "version: 1
name: taker
tasks:
  first: {{ approval: {{ message: m }} }}
  part: {{ needs: [first], uses: {{ workflow: child }} }}
  each:
    matrix: {{ n: \"${{{{ tasks.part.values.list }}}}\" }}
    image: emboflow/examples-hello:1
    inputs: {{ made: \"${{{{ tasks.part.outputs.made }}}}\" }}
    env: {{ N: \"${{{{ matrix.n }}}}\", SIMULATE: \"line=${{{{ matrix.n }}}}-made\" }}
    run: echo \"$N-$(cat \"$INPUT_MADE\"/out.txt)\"
outputs:
  all: \"${{{{ tasks.part.values.{count} }}}}\"
"
    )
}

async fn keep(client: &Client, source: &str) {
    let request = client.request(Method::PUT, "/workflows/child").json(&json!({ "source": source }));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
}

/// The run that carries `part` out, as soon as there is one. A task names its child one commit before the child is
/// accepted.
async fn child_of(client: &Client, run: &str) -> Value {
    let found = async |path: String| -> Option<Value> {
        client.try_get(&path).await.ok()?.error_for_status().ok()?.json().await.ok()
    };
    eventually("the child is there", async || {
        let task = found(format!("/runs/{run}/tasks/part")).await?;
        found(format!("/runs/{}", task["child"]["run"].as_str()?)).await
    })
    .await
}

async fn a_child_runs_to_its_end_although_the_scheduler_is_killed(cell: Cell) {
    let mut stack = Stack::start(cell).await;
    let client = stack.client();
    keep(&client, CHILD).await;
    let run = client.submit("whole", &parent("ms=3000")).await;
    let child = child_of(&client, &run).await;
    assert_eq!(child["parent"], json!({ "run": run, "task": "part", "depth": 1 }), "{child}");
    assert_eq!((&child["inputs"]["how"], &child["workflow"]), (&json!("ms=3000"), &json!("child")));
    // A newer version is for runs that are accepted later.
    keep(&client, &CHILD.replace("echo working", "echo otherwise")).await;
    stack.scheduler.kill().await;
    stack.scheduler.start().await;
    stack.ready().await;
    let client = stack.client();
    client.reaches(&run, "succeeded").await;
    let part = client.get(&format!("/runs/{run}/tasks/part")).await;
    assert_eq!((&part["state"], &part["child"]["version"]), (&json!("succeeded"), &json!(1)), "{part}");
    client.reaches(child["id"].as_str().unwrap(), "succeeded").await;
    let all = client.get("/runs?limit=100").await;
    assert_eq!(all["items"].as_array().unwrap().len(), 2, "one child and no other: {all}");
}
on_cells!(a_child_runs_to_its_end_although_the_scheduler_is_killed: SQLITE_SIMULATED, MONGO_SIMULATED);

async fn a_child_that_fails_or_cannot_be_made_fails_its_task(cell: Cell) {
    let stack = Stack::start(cell).await;
    let client = stack.client();
    let run = client.submit("nobody", &parent("ms=10")).await;
    client.reaches(&run, "failed").await;
    let part = client.get(&format!("/runs/{run}/tasks/part")).await;
    assert_eq!(part["reason"], "child_refused", "{part}");
    assert!(part["message"].as_str().unwrap().starts_with("workflow.not_found: "), "{part}");

    keep(&client, CHILD).await;
    let run = client.submit("fails", &parent("exit=3")).await;
    client.reaches(&run, "failed").await;
    let (part, child) = (client.get(&format!("/runs/{run}/tasks/part")).await, child_of(&client, &run).await);
    assert_eq!((&part["reason"], &child["state"]), (&json!("child_failed"), &json!("failed")), "{part}");
    assert!(part["message"].as_str().unwrap().starts_with(child["id"].as_str().unwrap()), "{part}");

    let wrong = parent("ms=10").replace("how:", "hwo:");
    let run = client.submit("wrong", &wrong).await;
    client.reaches(&run, "failed").await;
    let part = client.get(&format!("/runs/{run}/tasks/part")).await;
    assert!(part["message"].as_str().unwrap().starts_with("workflow.unknown_input: "), "{part}");
}
on_cells!(a_child_that_fails_or_cannot_be_made_fails_its_task: SQLITE_SIMULATED);

async fn a_cancelled_run_ends_after_its_child(cell: Cell) {
    let stack = Stack::start(cell).await;
    let client = stack.client();
    keep(&client, CHILD).await;
    let run = client.submit("cancelled", &parent("ms=600000")).await;
    let child = child_of(&client, &run).await["id"].as_str().unwrap().to_owned();
    eventually("the cancel is taken", || async {
        let request = client.request(Method::POST, &format!("/runs/{run}/cancel")).json(&json!({}));
        request.send().await.ok().filter(|answer| answer.status().is_success())
    })
    .await;
    client.reaches(&run, "cancelled").await;
    assert_eq!(client.run(&child).await.unwrap()["state"], "cancelled", "the child ends first");
    let part = client.get(&format!("/runs/{run}/tasks/part")).await;
    assert_eq!(part["state"], "cancelled", "{part}");
}
on_cells!(a_cancelled_run_ends_after_its_child: SQLITE_SIMULATED);

/// Lets the tasks behind `first` go on.
async fn approve(client: &Client, run: &str) {
    eventually("the approval is taken", || async {
        let request = client.request(Method::POST, &format!("/runs/{run}/tasks/first/decision"));
        request
            .json(&json!({ "approve": true }))
            .send()
            .await
            .ok()
            .filter(|answer| answer.status() == StatusCode::OK)
    })
    .await;
}

async fn what_a_child_gives_is_read_by_the_tasks_that_follow_whoever_is_killed(cell: Cell) {
    let mut stack = Stack::start(cell).await;
    let client = stack.client();
    keep(&client, GIVER).await;
    let run = client.submit("takes", &taker("count")).await;
    approve(&client, &run).await;
    let child = child_of(&client, &run).await["id"].as_str().unwrap().to_owned();
    stack.scheduler.kill().await;
    stack.scheduler.start().await;
    stack.ready().await;
    let client = stack.client();
    let ended = client.reaches(&run, "succeeded").await;
    assert_eq!(ended["outputs"], json!({ "values": { "all": 2 } }));
    let given = client.run(&child).await.unwrap()["outputs"].clone();
    assert_eq!(given["values"], json!({ "list": [1, 2], "count": 2 }));
    let made = &given["artifacts"][0];
    assert_eq!(
        (&made["task"], &made["output"], &made["artifact"]["name"]),
        (&json!("work"), &json!("out"), &json!("made"))
    );
    for (index, said) in ["1-made", "2-made"].into_iter().enumerate() {
        assert_eq!(client.text(&format!("/runs/{run}/tasks/each[{index}]/logs")).await, format!("{said}\n"));
    }
    let part = client.get(&format!("/runs/{run}/tasks/part")).await;
    assert_eq!(part["values"], json!({ "list": [1, 2], "count": 2 }));
    assert_eq!(client.text(&format!("/runs/{run}/artifacts/part/made/out.txt")).await, "made");
}
on_cells!(what_a_child_gives_is_read_by_the_tasks_that_follow_whoever_is_killed: SQLITE_SIMULATED, MONGO_SIMULATED);

async fn what_a_child_does_not_give_is_refused_when_its_file_is_known(cell: Cell) {
    let stack = Stack::start(cell).await;
    let client = stack.client();
    let says_so = |text: &str| {
        assert!(text.contains("workflow.unknown_output"), "{text}");
        assert!(text.contains("gives no value `cuont`") && text.contains("did you mean `count`?"), "{text}");
    };
    let late = client.submit("late", &taker("cuont")).await;
    keep(&client, GIVER).await;
    let refused = eventually("a file that reads what is not given is refused", || async {
        let answer = client.try_submit("early", &taker("cuont")).await.ok()?;
        Some(answer).filter(|answer| answer.status == StatusCode::UNPROCESSABLE_ENTITY)
    })
    .await;
    says_so(&refused.body.to_string());
    approve(&client, &late).await;
    client.reaches(&late, "failed").await;
    let part = client.get(&format!("/runs/{late}/tasks/part")).await;
    assert_eq!(part["reason"], "child_refused", "{part}");
    says_so(part["message"].as_str().unwrap());
}
on_cells!(what_a_child_does_not_give_is_refused_when_its_file_is_known: SQLITE_SIMULATED);
