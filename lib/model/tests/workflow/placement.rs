//! Where tasks may run, and how many of them there are.

use emboflow_model::workflow::{Context, PlannedTask, RenderedPlacement, Workflow, code};
use serde_json::{Map, json};

use crate::{bad, good};

fn file(task: &str) -> String {
    let task: String = task.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "version: 1\nname: w\ninputs: {{ n: {{ type: integer, default: 3 }} }}\ntasks:\n  train:\n    image: i\n{task}"
    )
}

fn tasks(workflow: &Workflow, inputs: serde_json::Value) -> Vec<PlannedTask> {
    let serde_json::Value::Object(inputs) = inputs else { panic!("inputs are a mapping") };
    workflow.expand(&workflow.resolve_inputs(&inputs).unwrap()).unwrap()
}

fn placed(task: &str) -> RenderedPlacement {
    let workflow = good(&file(task));
    let context = Context::new("run", "default", workflow.resolve_inputs(&Map::new()).unwrap());
    workflow.render_placement(&tasks(&workflow, json!({}))[0], &context).unwrap()
}

#[test]
fn replicas_are_tasks_with_a_number() {
    let keys = |task: &str, inputs| {
        let planned = tasks(&good(&file(task)), inputs);
        planned.iter().map(|task| (task.spec_name.clone(), task.index)).collect::<Vec<_>>()
    };
    let indexed = |count: u32| (0..count).map(|index| ("train".to_owned(), Some(index))).collect::<Vec<_>>();
    assert_eq!(keys("replicas: 2", json!({})), indexed(2));
    assert_eq!(keys("replicas: 1", json!({})), indexed(1), "also a single one: inputs may ask for more");
    assert_eq!(keys("replicas: \"${{ inputs.n }}\"\ngang: true", json!({ "n": 4 })), indexed(4));
}

#[test]
fn too_many_replicas_are_refused_when_the_run_begins() {
    let workflow = good(&file("replicas: \"${{ inputs.n }}\"\ngang: true"));
    for (count, says) in [(0, "at least 1"), (257, "at most 256")] {
        let inputs = json!({ "n": count }).as_object().unwrap().clone();
        let problems = workflow.expand(&inputs).unwrap_err();
        assert_eq!(problems[0].code, code::BAD_QUANTITY);
        assert!(problems[0].message.contains(says), "{}", problems[0].message);
    }
    let many = bad(&file("replicas: 100001"));
    assert_eq!(many[0].code, code::TOO_MANY_TASKS);
    assert!(many[0].message.contains("replicas: 100001"), "{}", many[0].message);
}

#[test]
fn graphics_processors_are_a_number_or_a_number_of_a_model() {
    let asked = |task: &str| {
        let placed = placed(task);
        (placed.resources.gpu, placed.gpu_model)
    };
    assert_eq!(asked(""), (0, None));
    assert_eq!(asked("resources: { gpu: 2 }"), (2, None));
    assert_eq!(asked("resources: { gpu: \"${{ inputs.n }}\" }"), (3, None));
    assert_eq!(asked("resources: { gpu: { model: a100 } }"), (1, Some("a100".to_owned())));
    let both = "resources: { gpu: { count: \"${{ inputs.n }}\", model: A100 } }";
    assert_eq!(asked(both), (3, Some("A100".to_owned())));
}

#[test]
fn a_task_says_what_it_tolerates_and_how_it_spreads() {
    let placed = placed(
        "tolerations: [gpu, team=red]\nplacement: { spread: zone, anti_affinity: host }\npreemptible: true\ntimeout: 5m",
    );
    assert_eq!(placed.tolerations.into_iter().collect::<Vec<_>>(), ["gpu", "team=red"]);
    assert_eq!((placed.spread.as_deref(), placed.anti_affinity.as_deref()), (Some("zone"), Some("host")));
    assert_eq!((placed.preemptible, placed.run_ms), (true, Some(300_000)));
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_place() {
    for (task, code, field) in [
        ("replicas: 0", code::BAD_QUANTITY, "replicas"),
        ("replicas: 300\ngang: true", code::BAD_QUANTITY, "replicas"),
        ("replicas: 2\nmatrix: { i: [1, 2] }", code::CONFLICT, "replicas"),
        ("gang: true", code::CONFLICT, "gang"),
        ("gang: true\nreplicas: 2\nmax_parallel: 1", code::CONFLICT, "max_parallel"),
        ("resources: { gpu: 65 }", code::BAD_QUANTITY, "resources/gpu"),
        ("resources: { gpu: { count: -1 } }", code::BAD_QUANTITY, "resources/gpu/count"),
        ("resources: { gpu: { model: \"--\" } }", code::BAD_VALUE, "resources/gpu/model"),
        ("resources: { gpu: { kind: a100 } }", code::UNKNOWN_FIELD, "resources/gpu/kind"),
        ("tolerations: [\"a b\"]", code::BAD_VALUE, "tolerations/0"),
        ("placement: { spread: \"a b\" }", code::BAD_VALUE, "placement/spread"),
        ("placement: { spred: host }", code::UNKNOWN_FIELD, "placement/spred"),
    ] {
        let problems = bad(&file(task));
        assert_eq!(problems[0].code, code, "{task}: {problems:#?}");
        assert_eq!(problems[0].pointer, format!("/tasks/train/{field}"), "{task}");
    }
}
