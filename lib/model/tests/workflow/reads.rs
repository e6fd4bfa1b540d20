//! Which inputs decide what a task does.

use emboflow_model::workflow::parse;

/// What the task `a` reads, with this said for all tasks and by itself.
fn read(shared: &str, task: &str) -> Vec<String> {
    let source = format!(
        "version: 1\nname: w\ninputs:\n  x: {{ type: string, default: a }}\n  y: {{ type: integer, default: 1 }}\n  \
         z: {{ type: array, default: [1] }}\n{shared}\ntasks:\n  a:\n    image: i\n    {task}\n  b: {{ image: i, \
         command: [\"${{{{ inputs.y }}}}\"] }}\n"
    );
    let workflow = parse(&source).unwrap_or_else(|problems| panic!("{source}\n{problems:?}"));
    workflow.inputs_read("a").into_iter().collect()
}

#[test]
fn an_input_is_read_in_whatever_field_names_it() {
    for task in [
        "command: [run, \"--x=${{ inputs.x }}\"]",
        "env: { X: \"${{ inputs.x }}\" }",
        "if: \"${{ inputs.x == 'a' && true }}\"",
        "matrix: { i: [\"${{ inputs.x }}\", b] }",
        "pool: \"${{ inputs.x }}\"",
        "labels: { site: \"${{ inputs.x }}\" }",
        "outputs: { o: { path: \"${{ inputs.x }}.bin\" } }",
        "inputs: { data: { upload: \"${{ inputs.x }}\" } }",
        "mutex: \"arm-${{ inputs.x }}\"",
        "user: \"${{ inputs['x'] }}\"",
        "resources: { gpu: { count: 1, model: \"${{ inputs.x }}\" } }",
    ] {
        assert_eq!(read("", task), ["x"], "{task}");
    }
    assert_eq!(read("", "timeout: \"${{ inputs.x }}\"\n    replicas: \"${{ inputs.y }}\""), ["x", "y"]);
}

#[test]
fn a_text_that_is_no_expression_and_another_task_read_nothing() {
    let none: [String; 0] = [];
    for task in ["description: \"${{ inputs.x }}\"", "command: [\"inputs.x\"]", "needs: [b]"] {
        assert_eq!(read("", task), none, "{task}");
    }
    assert_eq!(read("fairness_key: \"${{ inputs.x }}\"", "command: [a]"), none);
}

#[test]
fn what_holds_for_all_tasks_is_read_unless_the_task_says_otherwise() {
    let env = "env: { X: \"${{ inputs.x }}\", Y: \"${{ inputs.y }}\" }";
    assert_eq!(read(env, "command: [a]"), ["x", "y"]);
    assert_eq!(read(env, "env: { X: fixed }"), ["y"]);
    let defaults = "defaults: { timeout: \"${{ inputs.x }}\", resources: { cpu: \"${{ inputs.y }}\" } }";
    assert_eq!(read(defaults, "command: [a]"), ["x", "y"]);
    assert_eq!(read(defaults, "resources: { memory: 1Gi }"), ["x", "y"]);
    assert_eq!(read(defaults, "resources: { cpu: 1 }\n    timeout: 1m"), none());
}

fn none() -> [String; 0] {
    []
}

#[test]
fn inputs_as_a_whole_and_a_computed_name_are_all_of_them() {
    assert_eq!(read("", "command: [\"${{ inputs }}\"]"), ["x", "y", "z"]);
    assert_eq!(
        read("", "matrix: { k: [x, y] }\n    command: [\"${{ inputs[matrix.k] }}\"]"),
        ["x", "y", "z"]
    );
}

#[test]
fn a_variable_of_a_loop_hides_a_name() {
    assert_eq!(read("", "command: \"${{ inputs.z.map(inputs, inputs.x) }}\""), ["z"]);
}
