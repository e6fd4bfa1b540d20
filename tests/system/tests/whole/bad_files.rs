//! What is wrong with a request is said precisely and under a stable code, whichever way it comes, and other runs go on.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::{Cell, Client, Stack, on_cells, one_task, task};

use crate::after::attempt_is;
use crate::outsider::ask;

const SUBMIT: &str = "emboflow.request.default.submit";
/// Bytes of a request at most.
const REQUEST_MAX: usize = 256 * 1024;

/// Workflow files that nobody can carry out, each with its code.
fn bad_files() -> Vec<(String, &'static str)> {
    let tasks = |text: &str| format!("version: 1\nname: bad\ntasks: {text}\n");
    vec![
        (String::new(), "workflow.empty"),
        ("version: 1\nname: [bad\n".to_owned(), "workflow.yaml_syntax"),
        ("{\"version\": 1, \"name\": \"bad\", ".to_owned(), "workflow.yaml_syntax"),
        ("\u{1}\u{2}\u{3}\u{7f}".to_owned(), "workflow.yaml_syntax"),
        (tasks("{ a: { imag: i } }"), "workflow.unknown_field"),
        (tasks("{ a: { image: i, needs: [b] }, b: { image: i, needs: [a] } }"), "workflow.cycle"),
        (alias_bomb(), "workflow.alias_bomb"),
        (format!("{}1{}", "[".repeat(500), "]".repeat(500)), "workflow.too_deep"),
        (
            task("matrix: { x: \"${{ range(1000) }}\", y: \"${{ range(1000) }}\" }\nrun: \"true\""),
            "workflow.too_many_tasks",
        ),
        (task("run: \"true\"\noutputs: { o: { path: ../../etc/passwd } }"), "workflow.bad_path"),
        (task("run: \"true\"\noutputs: { \"../o\": { path: o } }"), "workflow.bad_name"),
    ]
}

fn alias_bomb() -> String {
    let mut text = "version: 1\nname: bomb\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    text
}

/// The first of the errors has this code, a place and words.
fn assert_precise(errors: &Value, code: &str) {
    let error = &errors[0];
    assert_eq!(error["code"], code, "{errors:#}");
    assert!(error["line"].as_u64().is_some_and(|line| line > 0), "{code}: {error:#}");
    assert!(error["column"].as_u64().is_some_and(|column| column > 0), "{code}: {error:#}");
    assert!(error["message"].as_str().is_some_and(|text| text.len() > 10), "{code}: {error:#}");
}

async fn a_file_that_cannot_be_carried_out_is_refused_with_code_and_place(cell: Cell) {
    let stack = Stack::start(cell).await;
    let (client, nats) = (stack.client(), stack.outsider().await);
    let bystander = client.submit("bystander", &task("env: { SIMULATE: ms=2000 }\nrun: sleep 2")).await;
    attempt_is(&client, &bystander, "t", "running").await;
    for (number, (source, code)) in bad_files().into_iter().enumerate() {
        let refused = client.try_submit(&format!("http-{number}"), &source).await.unwrap();
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{code}: {}", refused.body);
        assert_precise(&refused.body["errors"], code);
        let answer = ask(&nats, SUBMIT, &format!("nats-{number}"), &json!({ "source": source })).await;
        assert_eq!(answer["status"], "rejected", "{code}: {answer}");
        assert_precise(&answer["errors"], code);
    }
    client.reaches(&bystander, "succeeded").await;
    let listed = client.get("/runs").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "nothing refused is a run: {listed:#}");
}
on_cells!(a_file_that_cannot_be_carried_out_is_refused_with_code_and_place: SQLITE_SIMULATED, MONGO_SIMULATED);

/// Posts bytes as a request.
async fn post(client: &Client, body: String) -> (StatusCode, Value) {
    let answer = client.request(Method::POST, "/runs").body(body).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn a_request_that_is_too_large_or_no_request_harms_nobody(cell: Cell) {
    let stack = Stack::start(cell).await;
    let (client, nats) = (stack.client(), stack.outsider().await);
    let large = |bytes: usize| json!({ "source": "x".repeat(bytes) });
    for bytes in [REQUEST_MAX, 10_000_000] {
        let (status, problem) = post(&client, large(bytes).to_string()).await;
        assert_eq!((status, &problem["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("request.too_large")));
    }
    // A little more than allowed still finds its way to an answer; the stream itself takes no more than that.
    let answer = ask(&nats, SUBMIT, "large", &large(REQUEST_MAX)).await;
    assert_eq!(
        (&answer["status"], &answer["errors"][0]["code"]),
        (&json!("rejected"), &json!("request.too_large"))
    );
    let stream = async_nats::jetstream::new(nats.clone());
    let unstored = stream.publish(SUBMIT, large(2 * REQUEST_MAX).to_string().into()).await.unwrap().await;
    assert!(unstored.is_err(), "{unstored:?}");

    for (number, body) in ["{\"source\": ", "{\"sauce\": \"x\"}", "[]", "null"].into_iter().enumerate() {
        let (status, problem) = post(&client, body.to_owned()).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::BAD_REQUEST, &json!("request.malformed")),
            "{body}"
        );
        // What is no JSON at all cannot be sent by `ask`; it ends among the dead letters, as all garbage does.
        let Ok(body) = serde_json::from_str(body) else { continue };
        let answer = ask(&nats, SUBMIT, &format!("malformed-{number}"), &body).await;
        assert_eq!(
            (&answer["status"], &answer["errors"][0]["code"]),
            (&json!("rejected"), &json!("request.malformed")),
            "{body}"
        );
    }
    let run = client.submit("after", &one_task()).await;
    client.reaches(&run, "succeeded").await;
}
on_cells!(a_request_that_is_too_large_or_no_request_harms_nobody: SQLITE_SIMULATED);
