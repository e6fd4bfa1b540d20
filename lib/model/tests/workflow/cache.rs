//! Results that are found again: what the file says about them.

use emboflow_model::workflow::{Context, code};
use serde_json::{Map, json};

use crate::{bad, good};

fn file(tasks: &str) -> String {
    format!("version: 1\nname: w\ninputs: {{ day: {{ type: string }} }}\ntasks:\n  {tasks}\n")
}

fn context(day: &str) -> Context {
    let inputs = Map::from_iter([("day".to_owned(), json!(day))]);
    Context::new("run_1", "default", inputs)
}

#[test]
fn a_task_says_whether_its_result_may_be_another_runs_and_how_old_it_may_be() {
    let workflow = good(&file(
        "always: { image: i, cache: true }\n  \
         never: { image: i, cache: false }\n  \
         silent: { image: i }\n  \
         week: { image: i, cache: { ttl: 7d, key: \"data of ${{ inputs.day }}\" } }",
    ));
    let planned = workflow.expand(&Map::from_iter([("day".to_owned(), json!("monday"))])).unwrap();
    let cache = |name: &str| {
        let task = planned.iter().find(|task| task.spec_name == name).unwrap();
        workflow.cache(task, &context("monday")).unwrap()
    };
    let always = cache("always").unwrap();
    assert_eq!((always.ttl_ms, always.key), (None, None));
    assert!(cache("never").is_none() && cache("silent").is_none() && !workflow.may_be_cached("never"));
    let week = cache("week").unwrap();
    assert_eq!(week.ttl_ms, Some(7 * 24 * 60 * 60 * 1_000));
    assert_eq!(week.key.as_deref(), Some("data of monday"));
}

#[test]
fn the_key_needs_what_it_mentions_and_is_bounded_like_every_key() {
    let workflow = good(&file(
        "last: { image: i, cache: { key: \"${{ tasks.first.values.version }}\" } }\n  \
         first: { image: i, outputs: { version: { path: v.json, value: true } } }",
    ));
    assert_eq!(workflow.needs("last"), ["first"]);
    let long = good(&file("long: { image: i, cache: { key: \"${{ inputs.day }}\" } }"));
    let day = "x".repeat(201);
    let planned = long.expand(&Map::from_iter([("day".to_owned(), json!(day))])).unwrap();
    let problem = long.cache(&planned[0], &context(&day)).unwrap_err();
    assert!(problem.code == code::BAD_VALUE && problem.message.contains("201"), "{problem:?}");
}

#[test]
fn what_cannot_be_found_again_is_refused_where_it_stands() {
    let cases = [
        ("replicas: 2, cache: true", code::CONFLICT, "`replicas`"),
        ("finally: always, cache: { ttl: 1d }", code::CONFLICT, "`finally`"),
        ("cache: { ttl: soon }", code::BAD_QUANTITY, "soon"),
        ("cache: { key: \"\" }", code::BAD_VALUE, "the key is empty"),
        ("cache: { tll: 1d }", code::UNKNOWN_FIELD, "tll"),
        ("cache: { ttl: \"${{ inputs.day }}\" }", code::EXPRESSION_NOT_ALLOWED, "ttl"),
    ];
    for (fields, code, words) in cases {
        let problems = bad(&file(&format!("first: {{ image: i }}\n  a: {{ image: i, {fields} }}")));
        assert!(problems.iter().any(|problem| problem.code == code), "{fields}: {problems:#?}");
        let told = problems
            .iter()
            .any(|problem| problem.message.contains(words) && problem.pointer.starts_with("/tasks/a/cache"));
        assert!(told, "{fields}: {problems:#?}");
    }
    // No container, no result.
    let problems = bad(&file("a: { approval: { message: Go? }, cache: true }"));
    assert_eq!(problems[0].code, code::CONFLICT, "{problems:#?}");
}

#[test]
fn the_example_is_cached_where_it_says_so() {
    let workflow = good(include_str!("../../../../examples/cached/workflow.yaml"));
    let cached = ["prepare", "sample", "tell"].map(|task| workflow.may_be_cached(task));
    assert_eq!(cached, [true, true, false]);
    assert!(workflow.inputs_read("sample").contains("seed") && workflow.inputs_read("prepare").is_empty());
}
