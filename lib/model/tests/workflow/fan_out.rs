//! Fan-outs over what other tasks give.

use emboflow_model::TaskState;
use emboflow_model::workflow::{Context, Others, Workflow, code};
use serde_json::{Map, Value, json};

use crate::{bad, good};

fn file(matrix: &str) -> String {
    format!(
        "version: 1\nname: w\ninputs: {{ most: {{ type: integer, default: 2 }} }}\ndefaults: {{ image: i }}\ntasks:\n  split: {{ outputs: {{ parts: {{ path: parts.json, value: true }} }} }}\n  process: {{ matrix: {matrix} }}\n"
    )
}

fn others(tasks: u64) -> Others {
    Others { tasks, ..Others::default() }
}

fn context(workflow: &Workflow, parts: Value) -> Context {
    let inputs = workflow.resolve_inputs(&Map::new()).unwrap();
    let mut context = Context::new("r", "p", inputs).with_task_state("split", TaskState::Succeeded);
    context.set_task_values("split", Map::from_iter([("parts".to_owned(), parts)]));
    context
}

#[test]
fn a_matrix_over_values_is_one_task_until_they_are_there() {
    let workflow = good(&file("{ part: \"${{ tasks.split.values.parts }}\", side: [l, r] }"));
    assert!(workflow.is_dynamic("process") && !workflow.is_dynamic("split"));
    assert_eq!(workflow.needs("process"), ["split"]);
    let planned = workflow.expand(&Map::new()).unwrap();
    assert_eq!((planned.len(), planned[1].index), (2, None));
    let matrix = workflow.fan_out("process", &context(&workflow, json!([1, 2])), others(1)).unwrap();
    let expected =
        [(1, "l"), (1, "r"), (2, "l"), (2, "r")].map(|(part, side)| json!({ "part": part, "side": side }));
    assert_eq!(matrix.into_iter().map(Value::Object).collect::<Vec<_>>(), expected);
    assert_eq!(workflow.fan_out("process", &context(&workflow, json!([])), others(1)), Ok(Vec::new()));
}

#[test]
fn inputs_and_values_make_a_matrix_together() {
    let workflow =
        good(&file("{ part: \"${{ tasks.split.values.parts.filter(part, part <= inputs.most) }}\" }"));
    assert_eq!(
        workflow.fan_out("process", &context(&workflow, json!([1, 2, 3])), others(1)).unwrap().len(),
        2
    );
}

#[test]
fn what_is_no_list_or_too_much_is_an_error_of_the_matrix() {
    let workflow = good(&file("{ part: \"${{ tasks.split.values.parts }}\" }"));
    let refused =
        |parts, tasks| workflow.fan_out("process", &context(&workflow, parts), others(tasks)).unwrap_err();
    let problem = refused(json!({ "a": 1 }), 1);
    assert_eq!((problem.code, problem.pointer.as_str()), (code::BAD_MATRIX, "/tasks/process/matrix/part"));
    assert_eq!(refused(json!([1, 2]), 99_999).code, code::TOO_MANY_TASKS);
    let problem = refused(json!(vec!["x".repeat(10_000); 200]), 1);
    assert_eq!(problem.code, code::TOO_MANY_TASKS);
    assert!(problem.message.contains("bytes"), "{}", problem.message);
}

#[test]
fn people_are_not_asked_more_often_than_in_any_run() {
    let workflow = good(&file("{ part: \"${{ tasks.split.values.parts }}\" }, approval: { message: m }"));
    let fan_out = |parts: usize, approvals| {
        let parts = json!(vec![0; parts]);
        workflow.fan_out(
            "process",
            &context(&workflow, parts),
            Others { tasks: 1, approvals, ..Others::default() },
        )
    };
    assert_eq!(fan_out(100, 0).unwrap().len(), 100);
    let problem = fan_out(100, 1).unwrap_err();
    assert_eq!((problem.code, problem.pointer.as_str()), (code::TOO_MANY_TASKS, "/tasks/process/approval"));
}

#[test]
fn what_a_matrix_cannot_read_is_refused_in_the_file() {
    let refused = |file: &str, code: &str, message: &str| {
        let problems = bad(file);
        assert_eq!((problems[0].code, problems.len()), (code, 1), "{problems:?}");
        assert!(problems[0].message.contains(message), "{}", problems[0].message);
    };
    let wrong = code::UNKNOWN_NAME;
    refused(&file("{ part: \"${{ tasks.split.values.part }}\" }"), wrong, "no value `part`");
    refused(&file("{ part: \"${{ tasks.process.state }}\" }"), code::CYCLE, "needs itself");
    refused(&file("{ part: [\"${{ run.id }}\"] }"), wrong, "no `run`");
    let replicas = file("{ }").replace("matrix: { }", "replicas: \"${{ tasks.split.values.parts }}\"");
    refused(&replicas, wrong, "counted when the run begins");
    let upload = file("{ part: \"${{ tasks.split.values.parts }}\" }")
        .replace("process: {", "process: { inputs: { data: { upload: \"${{ matrix.part }}\" } },");
    refused(&upload, wrong, "this matrix is known later");
}

#[test]
fn the_example_goes_through_the_recordings_that_are_long_enough() {
    let workflow = good(include_str!("../../../../examples/recordings/workflow.yaml"));
    let mut context = Context::new("r", "p", workflow.resolve_inputs(&Map::new()).unwrap());
    context.set_task_state("find", TaskState::Succeeded);
    let found = json!([{ "robot": "arm-1", "minutes": 22 }, { "robot": "arm-2", "minutes": 7 }]);
    context.set_task_values("find", Map::from_iter([("found".to_owned(), found)]));
    let matrix = workflow.fan_out("check", &context, others(2)).unwrap();
    assert_eq!(matrix.len(), 1);
    assert_eq!(matrix[0]["recording"]["robot"], "arm-1");
}
