//! Tasks that a run of another workflow carries out, in the file.

use emboflow_model::TaskState;
use emboflow_model::workflow::{self, Context, Problem, Workflow, code};
use serde_json::{Map, Value, json};

fn read(task: &str) -> Result<Workflow, Vec<Problem>> {
    workflow::parse(&format!(
        "version: 1\nname: w\ninputs: {{ rate: {{ type: number, default: 0.5 }} }}\ntasks:\n  first: {{ image: i }}\n  part: {{ {task} }}\n"
    ))
}

/// What is wrong: the code and where.
fn wrong(task: &str) -> Vec<(&'static str, String)> {
    let problems = read(task).err().unwrap_or_default();
    problems.into_iter().map(|problem| (problem.code, problem.pointer)).collect()
}

fn given(workflow: &Workflow, index: usize) -> Result<Map<String, Value>, Problem> {
    let inputs = workflow.resolve_inputs(&Map::new()).unwrap();
    let planned = workflow.expand(&inputs).unwrap().into_iter();
    let task = planned.filter(|task| task.spec_name == "part").nth(index).unwrap();
    let context = Context::new("run", "lab", inputs).with_task_state("first", TaskState::Succeeded);
    workflow.inputs_of_child(&task, &context).unwrap()
}

#[test]
fn it_needs_no_image_and_gives_inputs_with_everything_evaluated() {
    let workflow = read(
        "matrix: { zone: [a, b] }, uses: { workflow: other, version: 3, inputs: { rate: '${{ inputs.rate }}', where: 'in ${{ matrix.zone }}', deep: [{ is: '${{ tasks.first.state }}' }], n: 1 } }",
    )
    .unwrap();
    assert_eq!((workflow.uses("part").unwrap().version, workflow.uses("first")), (Some(3), None));
    let expected = json!({ "rate": 0.5, "where": "in b", "deep": [{ "is": "succeeded" }], "n": 1 });
    assert_eq!(Value::Object(given(&workflow, 1).unwrap()), expected);
    assert_eq!(workflow.needs("part"), ["first"], "a task that an expression mentions is needed");
    assert_eq!(workflow.inputs_read("part").into_iter().collect::<Vec<_>>(), ["rate"]);
}

#[test]
fn an_expression_that_fails_says_where() {
    let workflow = read("uses: { workflow: other, inputs: { a: [x, '${{ 1 / 0 }}'] } }").unwrap();
    let problem = given(&workflow, 0).unwrap_err();
    assert_eq!((problem.code, &*problem.pointer), (code::EVALUATION_FAILED, "/tasks/part/uses/inputs/a/1"));
}

#[test]
fn workflows_are_pinned_once_where_the_file_names_no_version() {
    let source = "version: 1\nname: w\ntasks:\n  a: { uses: { workflow: x } }\n  b: { uses: { workflow: y, version: 2 } }\n  c: { uses: { workflow: x } }\n";
    let workflow = workflow::parse(source).unwrap();
    assert_eq!(workflow.newest_used().collect::<Vec<_>>(), ["x"]);
}

#[test]
fn what_only_containers_have_is_refused_beside_it_field_by_field() {
    for field in [
        "image: i",
        "run: echo",
        "env: { A: b }",
        "resources: { cpu: 1 }",
        "secrets: { A: a }",
        "retry: { attempts: 2 }",
        "timeout: 3d",
        "outputs: { a: { path: a } }",
        "pool: gpu",
        "mutex: m",
    ] {
        let name = field.split(':').next().unwrap();
        let found = wrong(&format!("{field}, uses: {{ workflow: other }}"));
        assert_eq!(found, [(code::CONFLICT, format!("/tasks/part/{name}"))], "{field}");
    }
    let shared = "description: d, needs: [first], if: true, matrix: { a: [1] }, max_parallel: 1, continue_on_error: true";
    assert_eq!(wrong(&format!("{shared}, uses: {{ workflow: other }}")), []);
    assert_eq!(
        wrong("approval: { message: m }, uses: { workflow: other }"),
        [(code::CONFLICT, "/tasks/part/uses".to_owned())]
    );
}

#[test]
fn a_name_is_a_name_and_no_expression() {
    let at = |field: &str| format!("/tasks/part/uses/{field}");
    assert_eq!(wrong("uses: { workflow: 'Other One' }"), [(code::BAD_NAME, at("workflow"))]);
    let found = wrong("uses: { workflow: '${{ inputs.rate }}' }");
    assert!(found.contains(&(code::EXPRESSION_NOT_ALLOWED, at("workflow"))), "{found:?}");
    assert_eq!(wrong("uses: { workflow: other, inputs: { a: '${{ inputs.no }}' } }").len(), 1);
    assert!(!wrong("uses: { workflow: other, version: 0 }").is_empty());
}
