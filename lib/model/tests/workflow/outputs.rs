//! What a run gives: the file's outputs, and what another file takes of them.

use emboflow_model::run_outputs::{OutputArtifact, RunOutputs};
use emboflow_model::workflow::{Context, OutputKind, Problem, Workflow, code};
use emboflow_model::{ArtifactSummary, TaskState};
use serde_json::{Map, Value, json};

use crate::{bad, good};

/// A file with a task `count` that gives `n` and makes `data`, a fan-out `each` of it, and these outputs.
fn giving(outputs: &str) -> String {
    format!(
        "version: 1\nname: child\ninputs: {{ rate: {{ type: number, default: 0.5 }} }}\ndefaults: {{ image: i }}\ntasks:\n  \
         count: {{ outputs: {{ n: {{ path: n.json, value: true }}, data: {{ path: data/ }} }} }}\n  \
         each: {{ matrix: {{ i: [1, 2] }}, outputs: {{ n: {{ path: n.json, value: true }} }} }}\noutputs:\n  {outputs}\n"
    )
}

/// What it gives after tasks with these values.
fn given(outputs: &str, values: &Value) -> Result<Value, Problem> {
    let workflow = good(&giving(outputs));
    let mut context = Context::new("r", "p", workflow.resolve_inputs(&Map::new()).unwrap());
    for (task, values) in values.as_object().unwrap() {
        context.set_task_state(task, TaskState::Succeeded);
        context.set_task_values(task, values.as_object().cloned().unwrap());
    }
    workflow.output_values(&context).map(Value::Object)
}

fn wrong(source: &str) -> (&'static str, String, String) {
    let problems = bad(source);
    assert_eq!(problems.len(), 1, "{problems:?}");
    let Problem { code, pointer, hint, .. } = problems.into_iter().next().unwrap();
    (code, pointer, hint.unwrap_or_default())
}

#[test]
fn an_output_is_json_with_everything_evaluated() {
    let values = json!({ "count": { "n": 7 }, "each": { "n": [1, null] } });
    let all = "twice: '${{ tasks.count.values.n * 2 }}'\n  deep: [{ of: 'rate ${{ inputs.rate }}' }, '${{ tasks.each.values.n }}']\n  \
               how: '${{ tasks.count.state }}'\n  version: 3";
    let expected =
        json!({ "twice": 14, "deep": [{ "of": "rate 0.5" }, [1, null]], "how": "succeeded", "version": 3 });
    assert_eq!(given(all, &values), Ok(expected));
}

#[test]
fn what_only_hands_on_a_value_is_left_out_with_it_and_what_computes_fails() {
    let none = json!({ "count": {} });
    let on = "n: '${{ tasks.count.values.n }}'\n  deep: '${{ tasks.count.values.n.a[\"b\"] }}'";
    assert_eq!(given(on, &none), Ok(json!({})));
    assert_eq!(given("is: '${{ has(tasks.count.values.n) }}'", &none), Ok(json!({ "is": false })));
    for computes in ["'${{ tasks.count.values.n + 1 }}'", "'n=${{ tasks.count.values.n }}'"] {
        let problem = given(&format!("n: {computes}"), &none).unwrap_err();
        assert_eq!((problem.code, &*problem.pointer), (code::EVALUATION_FAILED, "/outputs/n"), "{problem}");
    }
    let there = json!({ "count": { "n": { "b": 1 } } });
    assert!(given("n: '${{ tasks.count.values.n.a }}'", &there).is_err(), "it is there, and has no such key");
}

#[test]
fn outputs_are_bounded_like_values_of_a_task() {
    let long = "x".repeat(16 * 1024 - 2);
    let values = |text: &str| json!({ "count": { "n": text } });
    assert!(given("n: '${{ tasks.count.values.n }}'", &values(&long)).is_ok());
    let problem = given("n: '${{ tasks.count.values.n }}'", &values(&format!("{long}x"))).unwrap_err();
    assert_eq!(problem.code, code::TEXT_TOO_LONG);
    assert!(problem.message.contains("16385 bytes"), "{problem}");
    let five: Vec<String> = (0..5).map(|n| format!("n{n}: '${{{{ tasks.count.values.n }}}}'")).collect();
    let problem = given(&five.join("\n  "), &values(&long)).unwrap_err();
    assert!(problem.message.contains("with `n4`") && problem.message.contains("65536"), "{problem}");
}

#[test]
fn an_artifact_of_one_task_is_an_output_by_itself() {
    let workflow =
        good(&giving("cleaned: '${{ tasks.count.outputs.data }}'\n  n: '${{ tasks.count.values.n }}'"));
    let kinds = ["cleaned", "n", "data"].map(|name| workflow.output_kind(name));
    assert_eq!(kinds, [Some(OutputKind::Artifact), Some(OutputKind::Value), None]);
    let artifacts: Vec<_> = workflow.output_artifacts().collect();
    assert_eq!(
        (artifacts.len(), artifacts[0].name, &*artifacts[0].task, &*artifacts[0].output),
        (1, "cleaned", "count", "data")
    );
    let at = |output: &str| wrong(&giving(&format!("a: {output}")));
    assert_eq!(at("'${{ tasks.each.outputs.n }}'").0, code::BAD_VALUE, "one for each of its tasks");
    let (found, pointer, hint) = at("'${{ tasks.count.outputs.dat }}'");
    assert_eq!((found, &*pointer, &*hint), (code::UNKNOWN_OUTPUT, "/outputs/a", "did you mean `data`?"));
    for inside in ["['${{ tasks.count.outputs.data }}']", "'${{ tasks.count.outputs.data + 1 }}'"] {
        let (found, _, hint) = at(inside);
        assert_eq!(found, code::UNKNOWN_NAME);
        assert!(hint.contains("with nothing around it"), "{hint}");
    }
}

#[test]
fn what_can_be_wrong_with_outputs_is_found_when_the_file_is_read() {
    let at = |output: &str| wrong(&giving(output));
    assert_eq!(at("a: '${{ tasks.cuont.values.n }}'").0, code::UNKNOWN_TASK);
    assert_eq!(at("a: '${{ tasks.count.values.m }}'").0, code::UNKNOWN_NAME);
    assert_eq!(at("a: '${{ matrix.i }}'").0, code::UNKNOWN_NAME);
    assert_eq!(at("a: '${{ success() }}'").0, code::BAD_EXPRESSION);
    assert_eq!(at("'Not A Name': 1").0, code::BAD_NAME);
    let many: Vec<String> = (0..65).map(|n| format!("n{n}: 1")).collect();
    assert_eq!(at(&many.join("\n  ")).0, code::BAD_VALUE);
    assert!(good(&giving("a: 1")).needs("count").is_empty());
}

/// A file whose task `part` is carried out by a run, with a task that has these fields.
fn taking(then: &str) -> Workflow {
    good(&format!(
        "version: 1\nname: parent\ndefaults: {{ image: i }}\ntasks:\n  part: {{ uses: {{ workflow: child }} }}\n  then: {{ {then} }}\n"
    ))
}

#[test]
fn a_file_takes_values_and_artifacts_of_a_run_that_carries_a_task_out() {
    let workflow =
        taking("args: ['${{ tasks.part.values.n }}'], inputs: { all: '${{ tasks.part.outputs.cleaned }}' }");
    assert_eq!(workflow.needs("then"), ["part"]);
    assert_eq!(workflow.value_names("part"), ["n"]);
    assert!(workflow.takes_of("part") && !workflow.takes_of("then"));
    let artifact = |name: &str| OutputArtifact {
        task: "count".parse().unwrap(),
        output: "data".to_owned(),
        artifact: ArtifactSummary {
            name: "data".to_owned(),
            stored_as: None,
            prefix: "p/".to_owned(),
            files: 1,
            size_bytes: 1,
            manifest_sha256: String::new(),
            directory: true,
            preview: false,
        }
        .named(name),
    };
    let values = json!({ "n": 1, "more": 2 }).as_object().cloned().unwrap();
    let given = RunOutputs { values, artifacts: vec![artifact("other"), artifact("cleaned")] };
    let kept = workflow.kept_of("part", &given);
    assert_eq!((Value::Object(kept.values), kept.artifacts.len()), (json!({ "n": 1 }), 1));
    let kept = &kept.artifacts[0].artifact;
    assert_eq!((&*kept.name, kept.stored_name()), ("cleaned", "data"));
    assert!(workflow.kept_of("then", &given).is_empty());
}

#[test]
fn what_the_other_file_does_not_give_is_named_with_its_place_and_what_to_do() {
    let workflow = taking(
        "args: ['${{ tasks.part.values.m }}', '${{ tasks.part.values.cleaned }}'], inputs: { all: '${{ tasks.part.outputs.n }}' }",
    );
    let child = good(&giving("cleaned: '${{ tasks.count.outputs.data }}'\n  n: 1"));
    let problems = workflow.not_given_by("part", &child);
    let found: Vec<_> = problems.iter().map(|problem| (problem.code, &*problem.pointer)).collect();
    let code = code::UNKNOWN_OUTPUT;
    assert_eq!(
        found,
        [(code, "/tasks/then/args/0"), (code, "/tasks/then/args/1"), (code, "/tasks/then/inputs/all")]
    );
    assert!(problems.iter().all(|problem| problem.line > 0));
    let hints: Vec<_> = problems.iter().map(|problem| problem.hint.clone().unwrap()).collect();
    assert_eq!(hints[0], "there is `cleaned`, `n`");
    assert!(
        hints[1].contains("tasks.part.outputs.cleaned") && hints[2].contains("tasks.part.values.n"),
        "{hints:?}"
    );
    assert_eq!(taking("args: ['${{ tasks.part.values.n }}']").not_given_by("part", &child), []);
}

#[test]
fn the_example_takes_only_what_its_other_file_gives() {
    let parent = good(include_str!("../../../../examples/sub-workflow/workflow.yaml"));
    let child = good(include_str!("../../../../examples/sub-workflow/clean.yaml"));
    assert_eq!(parent.uses("clean").unwrap().workflow, child.name);
    assert!(parent.takes_of("clean"));
    assert_eq!(parent.not_given_by("clean", &child), []);
    let given: Vec<_> = parent.uses("clean").unwrap().inputs.keys().collect();
    assert_eq!(given, child.file.inputs.keys().collect::<Vec<_>>());
}
