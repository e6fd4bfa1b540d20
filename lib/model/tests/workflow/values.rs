//! Values that a task gives, and what expressions of the tasks that follow read of them.

use emboflow_model::TaskState;
use emboflow_model::workflow::{Context, Workflow, code};
use serde_json::{Map, Value, json};

use crate::{bad, good};

/// A task `split` that gives `parts`, and a task `then` with these fields.
fn file(then: &str) -> String {
    format!(
        "version: 1\nname: w\ndefaults: {{ image: i }}\ntasks:\n  split:\n    outputs:\n      parts: {{ path: parts.json, value: true }}\n      log: {{ path: log.txt }}\n  then: {{ {then} }}\n"
    )
}

fn context(workflow: &Workflow, values: &Value) -> Context {
    let inputs = workflow.resolve_inputs(&Map::new()).unwrap();
    let mut context = Context::new("r", "p", inputs).with_task_state("split", TaskState::Succeeded);
    context.set_task_values("split", values.as_object().cloned().unwrap());
    context
}

fn argument(then: &str, values: &Value) -> Result<String, String> {
    let workflow = good(&file(&format!("args: [\"${{{{ {then} }}}}\"]")));
    let task = workflow.expand(&Map::new()).unwrap().pop().unwrap();
    let rendered = workflow.render(&task, &context(&workflow, values));
    rendered.map(|task| task.args[0].clone()).map_err(|problem| problem.message)
}

#[test]
fn a_value_is_read_by_its_name_and_its_task_is_needed() {
    let values = json!({ "parts": [{ "name": "left" }, { "name": "right" }] });
    assert_eq!(argument("tasks.split.values.parts[1].name", &values).unwrap(), "right");
    assert_eq!(argument("size(tasks.split.values.parts)", &values).unwrap(), "2");
    let workflow = good(&file("args: [\"${{ tasks.split.values.parts }}\"]"));
    assert_eq!(workflow.needs("then"), ["split"]);
}

#[test]
fn a_value_that_was_not_given_is_missed_like_any_key() {
    let missing = argument("tasks.split.values.parts", &json!({})).unwrap_err();
    assert_eq!(missing, "the map has no key `parts`");
    assert_eq!(argument("has(tasks.split.values.parts)", &json!({})).unwrap(), "false");
    assert_eq!(argument("has(tasks.split.values.parts)", &json!({ "parts": 0 })).unwrap(), "true");
}

#[test]
fn a_condition_over_values_holds_only_when_the_needs_succeeded() {
    let workflow = good(&file("if: \"${{ size(tasks.split.values.parts) > 1 }}\""));
    let decide = |parts: Value| workflow.condition("then", &context(&workflow, &json!({ "parts": parts })));
    assert_eq!((decide(json!([1, 2])), decide(json!([1]))), (Ok(true), Ok(false)));
    let failed = Context::new("r", "p", Map::new()).with_task_state("split", TaskState::Failed);
    assert_eq!(workflow.condition("then", &failed), Ok(false));
    assert!(!workflow.judges_needs("then"), "it says nothing about a need that failed");
}

#[test]
fn a_value_that_no_task_gives_is_refused_with_advice() {
    let refused = |then: &str, code: &str, message: &str, hint: &str| {
        let problems = bad(&file(then));
        let problem = &problems[0];
        assert_eq!((problem.code, problems.len()), (code, 1), "{problems:?}");
        assert!(problem.message.contains(message), "{}", problem.message);
        assert!(problem.hint.as_deref().unwrap_or_default().contains(hint), "{:?}", problem.hint);
    };
    let wrong = code::UNKNOWN_NAME;
    refused("args: [\"${{ tasks.split.values.part }}\"]", wrong, "no value `part`", "did you mean `parts`?");
    refused("args: [\"${{ tasks.split.values.log }}\"]", wrong, "no value `log`", "`parts`");
    refused("args: [\"${{ tasks.split.values }}\"]", wrong, "as a whole", "`parts`");
    refused("args: [\"${{ tasks.split.value.parts }}\"]", wrong, "no `value`", "did you mean `values`?");
    refused("args: [\"${{ tasks.spilt.values.parts }}\"]", code::UNKNOWN_TASK, "no task `spilt`", "split");
    refused("outputs: { a: { path: a/, value: true } }", code::BAD_PATH, "folder", "JSON file");
    let none = file("args: [\"${{ tasks.split.values.parts }}\"]").replace(", value: true", "");
    assert!(bad(&none)[0].hint.as_deref().unwrap_or_default().contains("value: true"));
}
