use std::collections::BTreeMap;

use emboflow_model::runtime_spec::{Network, PullPolicy, SecretForm, SecretUse, StageOut, Stop, Timeouts};
use emboflow_model::workflow::{Backoff, Context, InputReference, PlannedTask, RenderedTask, Workflow, code};
use emboflow_model::{Reason, TaskState};
use serde_json::{Map, Value, json};

use crate::{TRAJECTORY, good, one_task};

fn context(workflow: &Workflow, inputs: Value) -> Context {
    Context::new("run-1", "default", workflow.resolve_inputs(inputs.as_object().unwrap()).unwrap())
}

fn plan(workflow: &Workflow, inputs: Value) -> Vec<PlannedTask> {
    workflow.expand(&workflow.resolve_inputs(inputs.as_object().unwrap()).unwrap()).unwrap()
}

fn render(workflow: &Workflow, index: usize) -> RenderedTask {
    workflow.render(&plan(workflow, json!({}))[index], &context(workflow, json!({}))).unwrap()
}

#[test]
fn the_documented_example_renders_to_what_a_runtime_needs() {
    let workflow = good(TRAJECTORY);
    let task = render(&workflow, 3);
    assert_eq!(task.command, ["record", "--seed", "3"]);
    assert_eq!(
        (task.placement.resources.cpu_millis, task.placement.resources.memory_bytes),
        (1000, 512 << 20)
    );
    assert_eq!((task.retry.attempts, task.retry.backoff), (3, Backoff::Exponential));
    assert_eq!(task.timeouts, Timeouts { run_ms: Some(30 * 60 * 1000), ..Timeouts::default() });
    assert_eq!(task.stop, Stop::default());
    assert_eq!((task.network, task.pull), (Network::None, PullPolicy::IfNotPresent));
    let report = render(&workflow, 8);
    assert_eq!(report.command[..3], ["/bin/sh", "-eu", "-c"]);
    assert_eq!(report.command[3], "python report.py --in \"$INPUT_EPISODES\" --out out/\n");
    let input = InputReference {
        name: "episodes".to_owned(),
        variable: "INPUT_EPISODES".to_owned(),
        from_task: "record".to_owned(),
        output: "episode".to_owned(),
    };
    assert_eq!(report.stage_in, [input]);
    let output = StageOut {
        name: "report".to_owned(),
        path: "out/report.html".to_owned(),
        preview: true,
        optional: false,
        value: false,
    };
    assert_eq!(report.stage_out, [output]);
}

#[test]
fn every_field_is_evaluated_and_the_task_wins_over_the_defaults() {
    let workflow = good(
        r#"
version: 1
name: w
inputs: { n: { type: integer, default: 2 }, words: { type: array, default: [a, 1] }, image: { type: string, default: "tool:1" } }
env: { SHARED: "${{ workflow.name }}/${{ run.id }}", BOTH: file }
defaults:
  image: other
  pull_policy: always
  user: 1000
  resources: { cpu: 250m, memory: 1Gi, pids: 64 }
  timeout: 1h
  timeouts: { start: 1m }
  retry: { attempts: 2, delay: 500ms, on: [oom_killed] }
  labels: { zone: a, disk: ssd }
  log_limit: 1Mi
  pool: batch
tasks:
  t:
    matrix: { k: [{ name: x, size: 3 }] }
    image: ${{ inputs.image }}
    command: ${{ inputs.words }}
    args: ["--n=${{ inputs.n }}", 5, true, 1.5, "${{ matrix.k }}", "${{ inputs.n * 2 }}"]
    env: { BOTH: task, N: "${{ inputs.n }}", NAME: "${{ matrix.k.name }}", T: "${{ tasks.first.state }}" }
    workdir: /srv/${{ matrix.k.name }}
    resources: { cpu: "${{ inputs.n }}", memory: "${{ matrix.k.size }}Gi", shm: 64Mi, disk: 5G }
    timeout: ${{ inputs.n }}m
    outputs: { o: { path: "out/${{ matrix.k.name }}.bin", optional: true } }
    labels: { zone: b }
    network: full
    stop: { signal: SIGINT, grace: 1s }
    priority: 5
  first: {}
"#,
    );
    let context = context(&workflow, json!({})).with_task_state("first", TaskState::Succeeded);
    let task = workflow.render(&plan(&workflow, json!({}))[0], &context).unwrap();
    assert_eq!(task.image, "tool:1");
    assert_eq!(task.command, ["a", "1"]);
    assert_eq!(task.args, ["--n=2", "5", "true", "1.5", "{\"name\":\"x\",\"size\":3}", "4"]);
    let env = [("BOTH", "task"), ("N", "2"), ("NAME", "x"), ("SHARED", "w/run-1"), ("T", "succeeded")];
    assert_eq!(task.env, env.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    assert_eq!((task.workdir.as_deref(), task.user.as_deref()), (Some("/srv/x"), Some("1000")));
    assert_eq!((task.placement.resources.cpu_millis, task.placement.resources.memory_bytes), (2000, 3 << 30));
    assert_eq!(
        (task.placement.resources.disk_bytes, task.shm_bytes, task.pids),
        (5_000_000_000, Some(64 << 20), Some(64))
    );
    assert_eq!(task.timeouts, Timeouts { start_ms: 60_000, run_ms: Some(120_000), heartbeat_ms: None });
    assert_eq!(task.stage_out[0].path, "out/x.bin");
    assert_eq!(
        task.placement.labels,
        BTreeMap::from([("disk".to_owned(), "ssd".to_owned()), ("zone".to_owned(), "b".to_owned())])
    );
    assert_eq!(task.stop, Stop { signal: "SIGINT".to_owned(), grace_ms: 1000 });
    assert_eq!(
        (task.retry.attempts, task.retry.delay_ms, task.retry.on.clone()),
        (2, 500, vec![Reason::OomKilled])
    );
    assert_eq!((task.network, task.pull), (Network::Full, PullPolicy::Always));
    assert_eq!(
        (task.placement.pool.as_deref(), task.placement.priority, task.log_limit_bytes),
        (Some("batch"), 5, Some(1 << 20))
    );
}

#[track_caller]
fn fails(field: &str, value: Value, code: &str, part: &str) {
    let source = one_task(field).replace(
        "tasks:",
        "inputs: { v: { type: string, default: a }, l: { type: array, default: [] } }\ntasks:",
    );
    let workflow = good(&source);
    let name = if value.is_array() { "l" } else { "v" };
    let inputs = json!({ name: value });
    let problem =
        workflow.render(&plan(&workflow, inputs.clone())[0], &context(&workflow, inputs)).unwrap_err();
    assert_eq!(problem.code, code, "{problem:?}");
    assert!(problem.message.contains(part), "{problem}");
    assert!(problem.line >= 1);
}

#[test]
fn a_value_that_its_field_does_not_take_is_an_error_when_it_is_used() {
    fails("timeout: \"${{ inputs.v }}\"", json!("soon"), code::BAD_QUANTITY, "not a duration");
    fails("resources: { memory: \"${{ inputs.v }}\" }", json!("much"), code::BAD_QUANTITY, "not a size");
    fails(
        "outputs: { o: { path: \"${{ inputs.v }}\" } }",
        json!("../../etc"),
        code::BAD_PATH,
        "leave the workspace",
    );
    fails("workdir: \"${{ inputs.v }}\"", json!("x"), code::BAD_VALUE, "absolute");
    fails("user: \"${{ inputs.v }}\"", json!("root"), code::BAD_VALUE, "numbers");
    fails("pool: \"${{ inputs.v }}\"", json!("No"), code::BAD_VALUE, "pool");
    fails("command: \"${{ inputs.v }}\"", json!("x"), code::EVALUATION_FAILED, "must be a list");
    fails("args: [\"${{ inputs.v }}\"]", json!("a\u{0}b"), code::BAD_VALUE, "NUL");
    fails("args: [\"${{ inputs.v }}\"]", json!("x".repeat(140_000)), code::TEXT_TOO_LONG, "bytes");
    fails(
        "args: \"${{ inputs.l + inputs.l }}\"",
        json!(vec!["x".repeat(60_000); 4]),
        code::TEXT_TOO_LONG,
        "",
    );
    fails("env: { A: \"${{ inputs.l[3] }}\" }", json!([1]), code::EVALUATION_FAILED, "no element 3");
}

#[test]
fn without_a_condition_every_need_must_have_succeeded() {
    let workflow = good(
        "version: 1\nname: w\ndefaults: { image: i }\ntasks:\n  a: {}\n  b: { continue_on_error: true }\n  c: { needs: [a, b] }\n",
    );
    let with = |a, b| {
        let context = Context::new("r", "p", Map::new()).with_task_state("a", a).with_task_state("b", b);
        workflow.condition("c", &context).unwrap()
    };
    assert!(with(TaskState::Succeeded, TaskState::Cached));
    assert!(with(TaskState::Succeeded, TaskState::Failed), "b may fail");
    assert!(!with(TaskState::Failed, TaskState::Succeeded));
    assert!(!with(TaskState::Skipped, TaskState::Succeeded));
    assert!(!with(TaskState::Succeeded, TaskState::UpstreamFailed));
    assert!(!with(TaskState::Succeeded, TaskState::Cancelled));
    assert!(workflow.condition("a", &Context::new("r", "p", Map::new())).unwrap());
}

#[test]
fn a_condition_decides() {
    let decide = |condition: &str, state, publish: bool| {
        let workflow = good(&format!(
            "version: 1\nname: w\ninputs: {{ publish: {{ type: boolean }} }}\ndefaults: {{ image: i }}\ntasks:\n  a: {{}}\n  b: {{ needs: [a], if: {condition} }}\n"
        ));
        let inputs = Map::from_iter([("publish".to_owned(), json!(publish))]);
        workflow.condition("b", &Context::new("r", "p", inputs).with_task_state("a", state))
    };
    use TaskState::{Failed, Succeeded, UpstreamFailed};
    assert_eq!(decide("true", Succeeded, true), Ok(true));
    assert_eq!(decide("false", Succeeded, true), Ok(false));
    assert_eq!(decide("true", Failed, true), Ok(false));
    assert_eq!(decide("\"${{ inputs.publish }}\"", Succeeded, true), Ok(true));
    assert_eq!(decide("\"${{ inputs.publish }}\"", Succeeded, false), Ok(false));
    assert_eq!(decide("\"${{ inputs.publish }}\"", Failed, true), Ok(false));
    assert_eq!(decide("\"${{ always() }}\"", Failed, true), Ok(true));
    assert_eq!(decide("\"${{ always() && inputs.publish }}\"", Failed, false), Ok(false));
    assert_eq!(decide("\"${{ failure() }}\"", Failed, true), Ok(true));
    assert_eq!(decide("\"${{ failure() }}\"", UpstreamFailed, true), Ok(true));
    assert_eq!(decide("\"${{ failure() }}\"", Succeeded, true), Ok(false));
    assert_eq!(decide("\"${{ success() }}\"", Failed, true), Ok(false));
    assert_eq!(decide("\"${{ tasks.a.state == 'failed' }}\"", Failed, true), Ok(true));
    let problem = decide("\"${{ run.id }}\"", Succeeded, true).unwrap_err();
    assert_eq!(problem.code, code::EVALUATION_FAILED);
}

#[test]
fn an_optional_input_without_a_value_is_an_empty_text() {
    let workflow = good(
        &one_task("env: { A: \"x${{ inputs.v }}y\", B: \"${{ inputs.v }}\" }")
            .replace("tasks:", "inputs: { v: { type: string, required: false } }\ntasks:"),
    );
    let task = render(&workflow, 0);
    assert_eq!((task.env["A"].as_str(), task.env["B"].as_str()), ("xy", ""));
}

#[test]
fn quantities_are_read_as_people_write_them() {
    use emboflow_model::workflow::quantity::{cpu_millis, duration_ms, size_bytes};
    for (text, milliseconds) in
        [("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("1h30m", 5_400_000), ("2d", 172_800_000)]
    {
        assert_eq!(duration_ms(&json!(text)), Ok(milliseconds));
    }
    for (value, bytes) in [
        (json!("512Mi"), 512 << 20),
        (json!("1.5Gi"), 3 << 29),
        (json!("500M"), 500_000_000),
        (json!("10k"), 10_000),
        (json!("100"), 100),
        (json!(4096), 4096),
    ] {
        assert_eq!(size_bytes(&value), Ok(bytes));
    }
    for (value, millis) in
        [(json!(2), 2000), (json!(0.5), 500), (json!(0.1), 100), (json!("500m"), 500), (json!("1.25"), 1250)]
    {
        assert_eq!(cpu_millis(&value), Ok(millis));
    }
}

#[test]
fn a_secret_is_a_file_unless_the_file_says_otherwise() {
    let workflow =
        good(&one_task("secrets: { TOKEN: my-token, KEY: { name: ssh-key, as: env }, CA: { name: ca } }"));
    let wanted = |variable: &str, secret: &str, form| SecretUse {
        variable: variable.to_owned(),
        secret: secret.parse().unwrap(),
        form,
    };
    let expected = [
        wanted("TOKEN", "my-token", SecretForm::File),
        wanted("KEY", "ssh-key", SecretForm::Env),
        wanted("CA", "ca", SecretForm::File),
    ];
    assert_eq!(render(&workflow, 0).secrets, expected);
    assert_eq!(workflow.secrets("t"), expected);
    assert_eq!(workflow.secrets("other"), []);
}
