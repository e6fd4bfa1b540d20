use emboflow_model::workflow::{NOT_YET, WorkflowFile, code, digest, json_schema, parse};
use serde_json::json;

use crate::{TRAJECTORY, bad, good, one_task};

#[test]
fn the_documented_example_is_read_with_everything_in_it() {
    let workflow = good(TRAJECTORY);
    assert_eq!(workflow.name, "trajectory-report");
    assert_eq!(workflow.digest, digest(TRAJECTORY));
    assert_eq!(&*workflow.source, TRAJECTORY);
    assert_eq!(workflow.queue(), Some("default"));
    assert_eq!(workflow.needs("report"), ["record"]);
    assert_eq!(workflow.topological_order(), ["record", "report"]);
    assert_eq!(workflow.dependents("record"), ["report"]);
    let inputs = workflow.resolve_inputs(&serde_json::Map::new()).unwrap();
    assert_eq!(inputs["episodes"], 8);
    assert_eq!(workflow.count_tasks(&inputs).unwrap(), 9);
}

#[test]
fn the_types_write_what_they_read() {
    let file = good(TRAJECTORY).file;
    let text = serde_json::to_string(&*file).unwrap();
    let again: WorkflowFile = serde_json::from_str(&text).unwrap();
    assert_eq!(*file, again);
    assert_eq!(good(&text).needs("report"), ["record"]);
}

#[test]
fn json_is_read_like_yaml_and_keeps_its_types() {
    let workflow = good(
        "{\"version\": 1, \"name\": \"w\", \"tasks\": {\n\t\"t\": {\"image\": \"busybox\", \"matrix\": {\"n\": [1, 2.5, \"a\\u00e9\\/\", true, null, {\"k\": [1]}]}}}}",
    );
    let tasks = workflow.expand(&serde_json::Map::new()).unwrap();
    let values: Vec<_> = tasks.iter().map(|task| task.matrix["n"].clone()).collect();
    assert_eq!(json!(values), json!([1, 2.5, "aé/", true, null, {"k": [1]}]));
    assert!(values[0].is_i64());
}

#[test]
fn tasks_and_axes_keep_the_order_of_the_file() {
    let workflow = good(
        "version: 1\nname: w\ntasks:\n  zebra: { image: i, matrix: { z: [1, 2], a: [x, y] } }\n  ant: { image: i }\n",
    );
    let tasks = workflow.expand(&serde_json::Map::new()).unwrap();
    let seen: Vec<String> = tasks
        .iter()
        .map(|task| match task.index {
            Some(index) => format!("{}[{index}] {}{}", task.spec_name, task.matrix["z"], task.matrix["a"]),
            None => task.spec_name.clone(),
        })
        .collect();
    assert_eq!(seen, ["zebra[0] 1\"x\"", "zebra[1] 1\"y\"", "zebra[2] 2\"x\"", "zebra[3] 2\"y\"", "ant"]);
}

#[test]
fn anchors_and_aliases_unfold() {
    let workflow = good(
        "version: 1\nname: w\ntasks:\n  a: { image: &image busybox, env: &env { A: 1 } }\n  b: { image: *image, env: *env }\n",
    );
    assert_eq!(workflow.task("b").unwrap().image.as_deref(), Some("busybox"));
    assert_eq!(workflow.task("b").unwrap().env["A"].value(), 1);
}

#[test]
fn an_expression_that_mentions_a_task_needs_it() {
    let workflow = good(
        "version: 1\nname: w\ntasks:\n  \
           last: { image: i, if: \"${{ tasks['first-one'].state == 'failed' || failure() }}\" }\n  \
           middle: { image: i, inputs: { data: \"${{ tasks.first.outputs.data }}\" }, env: { S: \"${{ tasks.first.state }}\" } }\n  \
           first: { image: i, outputs: { data: { path: data.bin } } }\n  \
           first-one: { image: i }\n",
    );
    assert_eq!(workflow.needs("middle"), ["first"]);
    assert_eq!(workflow.needs("last"), ["first-one"]);
    assert_eq!(workflow.topological_order(), ["first", "first-one", "middle", "last"]);
}

#[test]
fn every_field_of_the_schema_is_described() {
    let schema = json_schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let mut missing = Vec::new();
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        for (field, value) in definition["properties"].as_object().into_iter().flatten() {
            if value["description"].as_str().is_none() {
                missing.push(format!("{name}.{field}"));
            }
        }
    }
    assert!(missing.is_empty(), "without description: {missing:?}");
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["required"], json!(["version", "name", "tasks"]));
}

#[test]
fn what_is_not_carried_out_yet_is_a_closed_list_and_each_is_refused() {
    let refused: Vec<(&str, String)> = vec![
        ("tasks.*.workspace: git", one_task("workspace: { git: { url: https://example.com/x.git } }")),
        ("tasks.*.workspace: nfs", one_task("workspace: nfs")),
        ("network: egress", one_task("network: { egress: [example.com] }")),
        ("network: group", one_task("network: group")),
    ];
    for (field, source) in &refused {
        let problems = bad(source);
        assert_eq!(problems.len(), 1, "{source}\n{problems:#?}");
        assert_eq!(problems[0].code, code::NOT_YET, "{source}");
        assert!(problems[0].message.contains(field), "{}", problems[0].message);
        assert!(problems[0].hint.is_some());
    }
    for feature in NOT_YET {
        assert!(
            refused.iter().any(|(field, _)| *field == feature.field),
            "{} has no example",
            feature.feature
        );
    }
    assert_eq!(NOT_YET.len(), refused.len());
}

#[test]
fn the_least_of_what_comes_later_is_fine_today() {
    good(&one_task(
        "replicas: 1\nresources: { gpu: 0 }\nworkspace: ephemeral\nnetwork: full\nisolation: default\ncache: false",
    ));
}

#[test]
fn a_task_may_rely_on_the_command_of_its_image() {
    good(&one_task(""));
}

#[test]
fn a_chain_of_a_thousand_tasks_is_read_in_order() {
    let mut source =
        String::from("version: 1\nname: chain\ndefaults: { image: busybox }\ntasks:\n  t0: {}\n");
    for index in 1..1000 {
        source.push_str(&format!("  t{index}: {{ needs: [t{}] }}\n", index - 1));
    }
    assert_eq!(parse(&source).unwrap().topological_order()[999], "t999");
}
