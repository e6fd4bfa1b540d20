//! Uploads as inputs of tasks: what the validator takes, and what a run looks up.

use emboflow_model::UploadName;
use emboflow_model::workflow::{Workflow, code, parse};
use serde_json::{Map, Value, json};

fn file(inputs: &str) -> String {
    format!(
        "version: 1\nname: w\ninputs: {{ file: {{ type: string, default: data.csv }} }}\ntasks:\n  a: {{ image: \"t:1\", \
         command: [run], outputs: {{ x: {{ path: x }} }} }}\n  b:\n    image: t:1\n    command: [run]\n    matrix: \
         {{ part: [one, two] }}\n    inputs: {{ {inputs} }}\n"
    )
}

fn good(inputs: &str) -> Workflow {
    parse(&file(inputs)).unwrap_or_else(|problems| panic!("{inputs}: {problems:#?}"))
}

fn problem(inputs: &str) -> (String, String) {
    let problems = parse(&file(inputs)).expect_err(inputs);
    (problems[0].code.to_string(), problems[0].pointer.clone())
}

fn names(workflow: &Workflow, given: &Value) -> Result<Vec<String>, String> {
    let given: Map<String, Value> = given.as_object().unwrap().clone();
    let inputs = workflow.resolve_inputs(&given).unwrap();
    let names = workflow.uploads_of_run(&inputs).map_err(|problems| problems[0].code.to_string())?;
    Ok(names.iter().map(UploadName::to_string).collect())
}

#[test]
fn a_run_looks_up_what_its_tasks_name_each_once() {
    let workflow = good(
        "o: \"${{ tasks.a.outputs.x }}\", d: { upload: data.csv }, e: { upload: \"${{ inputs.file }}\" }, \
         p: { upload: \"${{ matrix.part }}.bin\" }",
    );
    assert_eq!(names(&workflow, &json!({})).unwrap(), ["data.csv", "one.bin", "two.bin"]);
    let other = names(&workflow, &json!({ "file": "z.csv" })).unwrap();
    assert_eq!(other, ["data.csv", "one.bin", "two.bin", "z.csv"]);
    assert_eq!(workflow.needs("b"), ["a"], "the output is still needed");
    let none = good("o: \"${{ tasks.a.outputs.x }}\"");
    assert_eq!(names(&none, &json!({})).unwrap(), Vec::<String>::new());
}

#[test]
fn what_an_expression_gives_must_be_a_name() {
    let workflow = good("e: { upload: \"${{ inputs.file }}\" }");
    for bad in ["../other/secret", "/etc/passwd", "", "a/b"] {
        assert_eq!(names(&workflow, &json!({ "file": bad })), Err(code::BAD_NAME.to_owned()), "{bad}");
    }
}

#[test]
fn what_cannot_be_looked_up_when_the_run_begins_is_refused_in_the_file() {
    for (inputs, code) in [
        ("d: { upload: ../x }", code::BAD_NAME),
        ("d: { upload: \"\" }", code::BAD_NAME),
        ("d: { upload: \"${{ tasks.a.state }}\" }", code::UNKNOWN_NAME),
        ("d: { upload: \"${{ run.id }}\" }", code::UNKNOWN_NAME),
        ("d: { upload: \"${{ inputs.fil }}\" }", code::UNKNOWN_NAME),
        ("d: { upload: \"${{ matrix.other }}\" }", code::UNKNOWN_NAME),
    ] {
        assert_eq!(problem(inputs), (code.to_owned(), "/tasks/b/inputs/d/upload".to_owned()), "{inputs}");
    }
    assert_eq!(problem("d: { uplaod: x }").0, code::MISSING_FIELD);
    assert_eq!(problem("d: { upload: x, key: y }").0, code::UNKNOWN_FIELD);
    assert_eq!(problem("d: { upload: [x] }").0, code::WRONG_TYPE);
    let many: Vec<_> = (0..17).map(|index| format!("d{index}: {{ upload: x }}")).collect();
    assert_eq!(problem(&many.join(", ")), (code::BAD_VALUE.to_owned(), "/tasks/b/inputs".to_owned()));
}
