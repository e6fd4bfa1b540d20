//! Tasks that a person decides, in the file.

use emboflow_model::workflow::{self, Context, PlannedTask, Problem, Workflow, code};
use emboflow_model::{TaskState, Timestamp};
use serde_json::{Map, Value, json};

fn read(tasks: &str) -> Result<Workflow, Vec<Problem>> {
    workflow::parse(&format!(
        "version: 1\nname: w\ninputs: {{ model: {{ type: string, default: m1 }} }}\ntasks:\n  train: {{ image: i }}\n{tasks}"
    ))
}

/// What is wrong: the code and where.
fn wrong(approval: &str) -> Vec<(&'static str, String)> {
    let problems = read(&format!("  review: {{ {approval} }}\n")).err().unwrap_or_default();
    problems.into_iter().map(|problem| (problem.code, problem.pointer)).collect()
}

fn context() -> Context {
    let inputs = Map::from_iter([("model".to_owned(), json!("m1"))]);
    Context::new("run", "lab", inputs).with_task_state("train", TaskState::Succeeded)
}

fn planned(workflow: &Workflow, index: usize) -> PlannedTask {
    let inputs = workflow.resolve_inputs(&Map::new()).unwrap();
    let planned = workflow.expand(&inputs).unwrap().into_iter();
    planned.filter(|task| task.spec_name == "review").nth(index).unwrap()
}

#[test]
fn it_needs_no_image_and_asks_with_everything_evaluated() {
    let workflow = read(
        "  review: { needs: [train], matrix: { zone: [a, b] }, approval: { message: \"Ship ${{ inputs.model }} to ${{ matrix.zone }}?\", timeout: \"${{ inputs.model == 'm1' ? '2h' : '1h' }}\" } }\n",
    )
    .unwrap();
    assert!(workflow.has_approvals() && workflow.approval("train").is_none());
    let question = workflow.ask(&planned(&workflow, 1), &context(), Timestamp(1_000)).unwrap().unwrap();
    assert_eq!(question.message, "Ship m1 to b?");
    assert_eq!(question.ends_at, Some(Timestamp(1_000 + 2 * 3_600_000)));
}

#[test]
fn a_task_that_a_message_mentions_is_needed() {
    let workflow =
        read("  review: { approval: { message: \"train is ${{ tasks.train.state }}\" } }\n").unwrap();
    assert_eq!(workflow.needs("review"), ["train"]);
}

#[test]
fn what_only_containers_have_is_refused_beside_it_field_by_field() {
    for field in [
        "image: i",
        "run: echo",
        "env: { A: b }",
        "resources: { cpu: 1 }",
        "retry: { attempts: 2 }",
        "timeout: 3d",
        "outputs: { a: { path: a } }",
        "max_parallel: 1",
        "pool: gpu",
        "gang: false",
    ] {
        let name = field.split(':').next().unwrap();
        let found = wrong(&format!("{field}, matrix: {{ a: [1] }}, approval: {{ message: m }}"));
        assert_eq!(found, [(code::CONFLICT, format!("/tasks/review/{name}"))], "{field}");
    }
    let shared = "description: d, needs: [train], if: true, matrix: { a: [1] }, continue_on_error: true";
    assert_eq!(wrong(&format!("{shared}, approval: {{ message: m }}")), []);
}

#[test]
fn what_it_says_is_checked_like_the_inputs_of_a_workflow() {
    for (approval, expected, at) in [
        ("message: ' '", code::BAD_VALUE, "message"),
        ("timeout: 1h", code::MISSING_FIELD, ""),
        ("message: m, timeout: soon", code::BAD_QUANTITY, "timeout"),
        ("message: m, inputs: { a-b: { type: string } }", code::BAD_NAME, "inputs/a-b"),
        (
            "message: m, inputs: { a: { type: boolean, minimum: 1 } }",
            code::BAD_INPUT_DECLARATION,
            "inputs/a/minimum",
        ),
        (
            "message: m, inputs: { a: { type: string, default: \"${{ run.id }}\" } }",
            code::EXPRESSION_NOT_ALLOWED,
            "inputs/a/default",
        ),
        ("message: \"${{ tasks.nobody.state }}\"", code::UNKNOWN_TASK, "message"),
        ("message: m, on_timeout: approve", code::CONFLICT, "on_timeout"),
        (
            "message: m, timeout: 1h, on_timeout: approve, inputs: { a: { type: string } }",
            code::CONFLICT,
            "on_timeout",
        ),
    ] {
        let found = wrong(&format!("approval: {{ {approval} }}"));
        let at = if at.is_empty() {
            "/tasks/review/approval".to_owned()
        } else {
            format!("/tasks/review/approval/{at}")
        };
        assert_eq!(found.len(), 1, "{approval}: {found:?}");
        assert_eq!(found[0].0, expected, "{approval}");
        assert!(found[0].1.starts_with(&at), "{approval}: {found:?}");
    }
    let optional = "message: m, timeout: 1h, on_timeout: approve, inputs: { a: { type: string, default: x }, b: { type: integer, required: false } }";
    assert_eq!(wrong(&format!("approval: {{ {optional} }}")), []);
}

#[test]
fn what_was_filled_in_can_be_read_by_what_follows_and_nothing_else() {
    let with_reader = |expression: &str| {
        read(&format!(
            "  review: {{ approval: {{ message: m, inputs: {{ zone: {{ type: string }} }} }} }}\n  ship: {{ image: i, env: {{ ZONE: \"${{{{ {expression} }}}}\" }} }}\n"
        ))
    };
    assert_eq!(with_reader("tasks.review.values.zone").unwrap().needs("ship"), ["review"]);
    let problems = with_reader("tasks.review.values.zon").unwrap_err();
    assert_eq!(problems[0].code, code::UNKNOWN_NAME);
    assert!(problems[0].hint.as_ref().unwrap().contains("zone"), "{problems:?}");
}

#[test]
fn at_the_end_of_a_run_it_needs_a_limit() {
    assert_eq!(
        wrong("finally: failure, approval: { message: m }"),
        [(code::MISSING_FIELD, "/tasks/review/approval".to_owned())]
    );
    assert_eq!(wrong("finally: failure, approval: { message: m, timeout: 1d }"), []);
}

#[test]
fn people_are_asked_a_hundred_times_in_a_run_at_most() {
    let asked = |count: usize| {
        let zones: Vec<String> = (0..count).map(|zone| zone.to_string()).collect();
        wrong(&format!("matrix: {{ zone: [{}] }}, approval: {{ message: m }}", zones.join(", ")))
    };
    assert_eq!(asked(100), []);
    assert_eq!(asked(101), [(code::TOO_MANY_TASKS, "/tasks/review/approval".to_owned())]);
}

#[test]
fn what_is_filled_in_is_judged_and_completed() {
    let workflow = read(
        "  review: { approval: { message: m, inputs: { threshold: { type: number, default: 0.5, minimum: 0, maximum: 1 }, why: { type: string } } } }\n",
    )
    .unwrap();
    let question = workflow.ask(&planned(&workflow, 0), &context(), Timestamp(0)).unwrap().unwrap();
    assert_eq!(question.ends_at, None);
    let resolve = |given: Value| question.resolve(given.as_object().unwrap());
    assert_eq!(
        resolve(json!({ "why": "good" })).unwrap(),
        *json!({ "threshold": 0.5, "why": "good" }).as_object().unwrap()
    );
    let pointers = |given: Value| -> Vec<String> {
        resolve(given).unwrap_err().into_iter().map(|problem| problem.pointer).collect()
    };
    assert_eq!(
        pointers(json!({ "threshold": 2, "other": 1 })),
        ["/inputs/other", "/inputs/threshold", "/inputs/why"]
    );
}

#[test]
fn a_message_that_gets_too_long_is_refused_when_it_is_asked() {
    let workflow =
        read("  review: { approval: { message: \"${{ range(5000).map(x, 'x').join('') }}\" } }\n").unwrap();
    let refused = workflow.ask(&planned(&workflow, 0), &context(), Timestamp(0)).unwrap().unwrap_err();
    assert_eq!((refused.code, &*refused.pointer), (code::TEXT_TOO_LONG, "/tasks/review/approval/message"));
}
