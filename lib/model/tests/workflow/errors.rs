use std::collections::BTreeSet;

use emboflow_model::workflow::{code, parse};
use serde_json::{Map, json};

use crate::{TRAJECTORY, bad, good, one_task};

/// A file and its one problem: the code, and the place marked by `»` in the source.
#[track_caller]
fn check(source: &str, code: &str) {
    let offset = source.find('»').expect("the source marks the place");
    let before = &source[..offset];
    let line = u32::try_from(before.matches('\n').count() + 1).unwrap();
    let column = u32::try_from(before.rsplit('\n').next().unwrap().chars().count() + 1).unwrap();
    let problems = bad(&source.replace('»', ""));
    let seen: Vec<_> = problems.iter().map(|problem| (problem.code, problem.line, problem.column)).collect();
    assert_eq!(seen, [(code, line, column)], "{source}\n{problems:#?}");
    assert!(problems[0].snippet.as_deref().is_some_and(|snippet| snippet.contains('^')));
}

/// The fields of one task and their one problem.
#[track_caller]
fn task(fields: &str, code: &str) {
    check(&one_task(fields), code);
}

#[test]
fn what_is_not_yaml_is_refused_where_it_stops_being_yaml() {
    for source in ["a: [1, 2", "a: 'x", "a: 1\n b: 2", "{", "a: *nothing", "%TAG ! x:\n---\na: 1", "@x: 1"] {
        let problems = bad(source);
        assert_eq!(problems[0].code, code::YAML_SYNTAX, "{source}: {problems:?}");
        assert!(problems[0].line >= 1 && problems[0].column >= 1);
        assert!(!problems[0].message.is_empty());
    }
}

#[test]
fn yaml_that_tools_read_differently() {
    check("version: 1\nname: w\n»name: v\ntasks: { t: { image: i } }\n", code::DUPLICATE_KEY);
    check("version: 1\nname: w\ntasks: { t: { image: i, continue_on_error: »yes } }\n", code::YAML_BOOLEAN);
    check("version: 1\nname: w\ntasks: { t: { image: i, args: [a, »Off] } }\n", code::YAML_BOOLEAN);
    check("version: 1\nname: w\ntasks: { t: { image: i, user: »0755 } }\n", code::YAML_NUMBER);
    check(
        "version: 1\nname: w\ntasks: { t: { image: i, args: [»99999999999999999999] } }\n",
        code::YAML_NUMBER,
    );
    check("version: 1\nname: w\ntasks: { t: { image: i, args: [».inf] } }\n", code::YAML_NUMBER);
    check("version: 1\nname: w\ntasks: { t: { image: i, »<<: {} } }\n", code::YAML_KEY);
    check("version: 1\nname: w\ntasks: { t: { image: i, ? »[a] : b } }\n", code::YAML_KEY);
    check("version: 1\nname: w\ntasks: { t: { image: i } }\n»---\nversion: 1\n", code::MULTIPLE_DOCUMENTS);
}

#[test]
fn a_tag_is_refused() {
    let problems = bad("version: 1\nname: w\ntasks: { t: { image: !!binary aGFsbG8= } }\n");
    assert_eq!((problems[0].code, problems[0].line), (code::YAML_TAG, 3));
}

#[test]
fn nothing_at_all() {
    for source in ["", "\n\n", "# a comment\n", "---\n", "null"] {
        assert_eq!(bad(source)[0].code, code::EMPTY, "{source:?}");
    }
}

#[test]
fn fields_and_types() {
    check("version: 1\nname: w\ntasks:\n  t:\n    image: i\n    »comand: [x]\n", code::UNKNOWN_FIELD);
    check("version: 1\nname: w\n»jobs: {}\ntasks: { t: { image: i } }\n", code::UNKNOWN_FIELD);
    check("»version: 1\nname: w\n", code::MISSING_FIELD);
    check(
        "version: 1\nname: w\ntasks: { t: { image: i, outputs: { »o: { preview: true } } } }\n",
        code::MISSING_FIELD,
    );
    check("version: 1\nname: w\ntasks: »[]\n", code::WRONG_TYPE);
    check("version: 1\nname: w\ntasks: { t: »null }\n", code::WRONG_TYPE);
    check("version: »\"1\"\nname: w\ntasks: { t: { image: i } }\n", code::WRONG_TYPE);
    check("version: »2\nname: w\ntasks: { t: { image: i } }\n", code::UNSUPPORTED_VERSION);
    task("needs: »prepare", code::WRONG_TYPE);
    task("retry: »3", code::WRONG_TYPE);
    task("retry: { attempts: »0 }", code::BAD_VALUE);
    task("retry: { attempts: 2, backoff: »expotential }", code::BAD_VALUE);
    task("retry: { on: [»exitcode] }", code::BAD_VALUE);
    task("pull_policy: »Always", code::BAD_VALUE);
    task("stop: { signal: »TERM }", code::BAD_VALUE);
    task("isolation: »gvisor", code::BAD_VALUE);
    task("network: »host", code::BAD_VALUE);
    task("workspace: »host", code::BAD_VALUE);
    task("workspace: »{ ephemeral: { size: 1Gi } }", code::BAD_VALUE);
    task("priority: »5000", code::BAD_VALUE);
    task("continue_on_error: »\"true\"", code::WRONG_TYPE);
    task("description: »1", code::WRONG_TYPE);
}

#[test]
fn names_and_needs() {
    check("version: 1\nname: »My_Flow\ntasks: { t: { image: i } }\n", code::BAD_NAME);
    check("version: 1\nname: w\ntasks: { »Train: { image: i } }\n", code::BAD_NAME);
    check("version: 1\nname: w\n»tasks: {}\n", code::NO_TASKS);
    check("version: 1\nname: w\ntasks: { »t: {} }\n", code::NO_IMAGE);
    check(
        "version: 1\nname: w\ntasks: { prepare: { image: i }, t: { image: i, needs: [»prepre] } }\n",
        code::UNKNOWN_TASK,
    );
    task("needs: [»t]", code::CYCLE);
    check(
        "version: 1\nname: w\ntasks:\n  a: { image: i, needs: [»b] }\n  b: { image: i, needs: [c] }\n  c: { image: i, needs: [a] }\n  d: { image: i, needs: [c] }\n",
        code::CYCLE,
    );
    task("env: { »1A: x }", code::BAD_NAME);
    task("env: { »EMBOFLOW_RUN: x }", code::BAD_NAME);
    task("labels: { »\"a b\": x }", code::BAD_NAME);
    let labelled = |labels: &str| format!("version: 1\nname: w\n{labels}\ntasks: {{ t: {{ image: i }} }}\n");
    check(&labelled(&format!("labels: {{ a: »{} }}", "x".repeat(257))), code::TEXT_TOO_LONG);
    let many: Vec<_> = (0..65).map(|number| format!("l{number}: x")).collect();
    check(&labelled(&format!("»labels: {{ {} }}", many.join(", "))), code::BAD_VALUE);
    task("outputs: { »A: { path: x } }", code::BAD_NAME);
    task("matrix: { »\"my-axis\": [1] }", code::BAD_NAME);
    task("pool: »GPU", code::BAD_NAME);
    check(
        "version: 1\nname: w\ninputs: { »max-depth: { type: integer } }\ntasks: { t: { image: i } }\n",
        code::BAD_NAME,
    );
}

#[test]
fn commands_quantities_and_paths() {
    task("command: [x]\n»run: y", code::CONFLICT);
    task("»timeout: 1m\ntimeouts: { run: 2m }", code::CONFLICT);
    task("»max_parallel: 2", code::CONFLICT);
    task("command: »python x.py", code::WRONG_TYPE);
    task("command: »[]", code::BAD_VALUE);
    task("run: »\"\"", code::BAD_VALUE);
    task("args: [a, »\"a\\0b\"]", code::BAD_VALUE);
    task("user: »root", code::BAD_VALUE);
    task("workdir: »src", code::BAD_VALUE);
    check("version: 1\nname: w\ntasks: { t: { image: »\"two words\" } }\n", code::BAD_VALUE);
    for timeout in ["10", "", "5 minutes", "1m1h", "0s", "-5m", "9999d", "1.5h"] {
        task(&format!("timeout: »\"{timeout}\""), code::BAD_QUANTITY);
    }
    for memory in ["512MB", "1.5.5Gi", "x", "-1Mi", "99999Ti", "Gi"] {
        task(&format!("resources: {{ memory: »\"{memory}\" }}"), code::BAD_QUANTITY);
    }
    for cpu in ["0", "-1", "\"1 core\"", "\"0m\"", "1e300"] {
        task(&format!("resources: {{ cpu: »{cpu} }}"), code::BAD_QUANTITY);
    }
    task("resources: { pids: »0 }", code::BAD_QUANTITY);
    for path in [
        "/etc/passwd",
        "../x",
        "a/../../b",
        "a//b",
        "./a",
        "a\\\\b",
        "a\\nb",
        "",
        &"x/".repeat(600),
        &"y".repeat(256),
    ] {
        task(&format!("outputs: {{ o: {{ path: »\"{path}\" }} }}"), code::BAD_PATH);
    }
}

#[test]
fn expressions() {
    task("env: { A: \"x ${{ inputs.»seed }}\" }", code::UNKNOWN_NAME);
    task("env: { A: \"${{ 1 + »input.seed }}\" }", code::UNKNOWN_NAME);
    task("env: { A: \"${{ matrix.»x }}\" }", code::UNKNOWN_NAME);
    task("env: { A: \"${{ run.»name }}\" }", code::UNKNOWN_NAME);
    task("env: { A: \"${{ »length('a') }}\" }", code::UNKNOWN_NAME);
    task("env: { A: \"${{ [1].map(x, »y) }}\" }", code::UNKNOWN_NAME);
    task("env: { A: \"${{ tasks.»other.state }}\" }", code::UNKNOWN_TASK);
    task("env: { A: \"${{ »success() }}\" }", code::BAD_EXPRESSION);
    task("env: { A: \"${{ »range(1, 2) }}\" }", code::BAD_EXPRESSION);
    task("env: { A: \"${{ 1 + »}}\" }", code::BAD_EXPRESSION);
    task("env: { A: \"a »${{ 1\" }", code::BAD_EXPRESSION);
    task("env: { A: \"a »${{ }}\" }", code::BAD_EXPRESSION);
    task("env: { A: \"${{ 1 »= 2 }}\" }", code::BAD_EXPRESSION);
    task("matrix: { x: \"${{ »run.id }}\" }", code::UNKNOWN_NAME);
    task("if: »always()", code::BAD_EXPRESSION);
    task("if: \"${{ »matrix.x == 1 }}\"\nmatrix: { x: [1] }", code::UNKNOWN_NAME);
    task("if: \"»${{ true }} && ${{ false }}\"", code::BAD_EXPRESSION);
    task("needs: [\"»${{ inputs.x }}\"]", code::EXPRESSION_NOT_ALLOWED);
    task("stop: { grace: \"»${{ inputs.x }}\" }", code::EXPRESSION_NOT_ALLOWED);
    task("run: |\n  echo a\n  echo »${{ inputs.x }}", code::EXPRESSION_IN_SCRIPT);
    task("inputs: { data: »some/path }", code::BAD_TASK_INPUT);
    task("inputs: { data: \"»${{ inputs.x }}\" }", code::BAD_TASK_INPUT);
    task("inputs: { data: »\"x ${{ tasks.t.outputs.o }}\" }", code::BAD_TASK_INPUT);
    check(
        "version: 1\nname: w\ntasks:\n  a: { image: i, outputs: { model: { path: m } } }\n  b: { image: i, inputs: { m: \"${{ tasks.a.outputs.»modle }}\" } }\n",
        code::UNKNOWN_OUTPUT,
    );
    check(
        "version: 1\nname: w\ntasks:\n  a: { image: i, outputs: { model: { path: m } } }\n  b: { image: i, args: [\"${{ tasks.a.»outputs.model }}\"] }\n",
        code::UNKNOWN_NAME,
    );
}

#[test]
fn an_expression_in_a_block_is_placed_in_its_own_line() {
    check(
        "version: 1\nname: w\ntasks:\n  t:\n    image: i\n    env:\n      A: |\n        first\n        then ${{ inputs.»x }}\n",
        code::UNKNOWN_NAME,
    );
}

#[test]
fn matrices() {
    task("matrix: { x: »[] }", code::BAD_MATRIX);
    task("matrix: { x: »abc }", code::BAD_MATRIX);
    task("matrix: { x: »\"${{ 'abc' }}\" }", code::BAD_MATRIX);
    task("matrix: { x: »\"${{ range(0) }}\" }", code::BAD_MATRIX);
    task("matrix: { x: \"${{ »1 / 0 }}\" }", code::EVALUATION_FAILED);
    task("»matrix: { x: \"${{ range(1000) }}\", y: \"${{ range(1000) }}\" }", code::TOO_MANY_TASKS);
    let axes: Vec<String> = (0..12).map(|axis| format!("a{axis}: \"${{{{ range(100000) }}}}\"")).collect();
    task(&format!("»matrix: {{ {} }}", axes.join(", ")), code::TOO_MANY_TASKS);
    let long = "x".repeat(100_000);
    task(&format!("»matrix: {{ x: [{long}], y: \"${{{{ range(90000) }}}}\" }}"), code::TOO_MANY_TASKS);
}

#[test]
fn input_declarations() {
    let file = |input: &str| {
        format!("version: 1\nname: w\ninputs:\n  x: {{ {input} }}\ntasks: {{ t: {{ image: i }} }}\n")
    };
    let wrong = |input: &str| check(&file(input), code::BAD_INPUT_DECLARATION);
    wrong("type: integer, default: »1.5");
    wrong("type: integer, default: »\"1\"");
    wrong("type: integer, minimum: 3, default: »2");
    wrong("type: string, maximum: 2, default: »abc");
    wrong("type: string, enum: [a, b], default: »c");
    wrong("type: string, pattern: \"^a\", default: »b");
    wrong("type: string, pattern: »\"(\"");
    wrong("type: integer, pattern: »a");
    wrong("type: boolean, minimum: »1");
    wrong("type: integer, minimum: »5, maximum: 4");
    wrong("type: integer, enum: »[a]");
    wrong("type: integer, enum: »[]");
    wrong("type: integer, default: 1, required: »true");
    check(&file("type: »int"), code::BAD_VALUE);
    check(
        &file("typ: integer").replace("x: {", "»x: {").replace("typ: integer", "description: d"),
        code::MISSING_FIELD,
    );
}

#[test]
fn all_problems_of_a_file_come_at_once_and_in_its_order() {
    let problems = bad(
        "version: 1\nname: w\ntasks:\n  a:\n    image: i\n    needs: [b, zz]\n    timeout: soon\n    env: { X: \"${{ inputs.y }}\" }\n  b:\n    run: echo\n    outputs: { o: { path: /x } }\n",
    );
    let codes: Vec<_> = problems.iter().map(|problem| (problem.line, problem.code)).collect();
    let expected = [
        (6, code::UNKNOWN_TASK),
        (7, code::BAD_QUANTITY),
        (8, code::UNKNOWN_NAME),
        (9, code::NO_IMAGE),
        (11, code::BAD_PATH),
    ];
    assert_eq!(codes, expected);
}

#[test]
fn a_report_shows_what_where_why_and_what_to_do() {
    let problems = bad(
        "version: 1\nname: digits\ntasks:\n  prepare: { image: busybox }\n  train:\n    image: busybox\n    needs: [prepre]\n    comand: [train]\n",
    );
    let expected = "\
flow.yaml:8:5: error[workflow.unknown_field]: unknown field `comand` in `tasks.train`
  8 |     comand: [train]
    |     ^^^^^^
  help: did you mean `command`?
";
    assert_eq!(problems.iter().map(|problem| problem.report("flow.yaml")).collect::<String>(), expected);
    let problems = bad(
        "version: 1\nname: digits\ntasks:\n  prepare: { image: busybox }\n  train:\n    image: busybox\n    needs: [prepre]\n    env:\n      SEED: \"${{ inputs.seed }}\"\n",
    );
    let expected = "\
flow.yaml:7:13: error[workflow.unknown_task]: `train` needs `prepre`, but there is no such task
  7 |     needs: [prepre]
    |             ^^^^^^
  help: did you mean `prepare`?
flow.yaml:9:25: error[workflow.unknown_name]: there is no `inputs.seed`
  9 |       SEED: \"${{ inputs.seed }}\"
    |                         ^^^^
  help: declare it under `inputs` of the workflow
";
    assert_eq!(problems.iter().map(|problem| problem.report("flow.yaml")).collect::<String>(), expected);
}

#[test]
fn a_cycle_is_printed_as_people_draw_it() {
    let problems = bad(
        "version: 1\nname: w\ntasks:\n  a: { image: i, needs: [c] }\n  b: { image: i, needs: [a] }\n  c: { image: i, needs: [b] }\n",
    );
    assert_eq!(problems[0].message, "these tasks wait for each other, so none can start: a → c → b → a");
}

#[test]
fn a_problem_is_json_with_code_message_line_column_and_pointer() {
    let problem = bad(&one_task("timeout: soon")).remove(0);
    let value = serde_json::to_value(&problem).unwrap();
    assert_eq!(value["code"], "workflow.bad_quantity");
    assert_eq!(value["pointer"], "/tasks/t/timeout");
    assert_eq!((&value["line"], &value["column"]), (&json!(6), &json!(14)));
}

#[test]
fn words_of_other_tools_lead_to_the_words_of_this_one() {
    for (word, here) in
        [("depends_on: [a]", "needs"), ("script: x", "run"), ("environment: {}", "env"), ("when: x", "if")]
    {
        let hint = bad(&one_task(word)).remove(0).hint.unwrap();
        assert_eq!(hint, format!("here it is called `{here}`"));
    }
}

#[test]
fn a_name_with_a_minus_is_explained() {
    let problems = bad(
        "version: 1\nname: w\ntasks:\n  my-task: { image: i }\n  b: { image: i, if: \"${{ tasks.my-task.state == 'failed' }}\" }\n",
    );
    assert_eq!(problems[0].code, code::UNKNOWN_TASK);
    assert!(problems[0].hint.as_deref().unwrap().contains("tasks[\"my-task\"]"), "{problems:?}");
}

#[test]
fn every_code_is_used_by_a_check() {
    // The code of every problem that these tests and those of the inputs and hostile files provoke.
    let sources = include_str!("errors.rs").to_owned()
        + include_str!("hostile.rs")
        + include_str!("inputs.rs")
        + include_str!("good.rs")
        + include_str!("render.rs");
    let constants: BTreeSet<String> = code::ALL
        .iter()
        .map(|code| format!("code::{}", code.trim_start_matches("workflow.").to_uppercase()))
        .filter(|constant| !sources.contains(constant.as_str()))
        .collect();
    assert!(constants.is_empty(), "no test for {constants:?}");
}

#[test]
fn an_unknown_field_is_found_even_when_another_field_has_the_wrong_type() {
    let problems = bad(&one_task("needs: prepare\nimge: x"));
    let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, [code::WRONG_TYPE, code::UNKNOWN_FIELD]);
}

#[test]
fn a_good_file_stays_good_when_expressions_stand_where_they_may() {
    let workflow = good(TRAJECTORY);
    assert!(workflow.expand(&Map::from_iter([("episodes".to_owned(), json!(3))])).is_ok());
    assert!(parse(TRAJECTORY).is_ok());
}

#[test]
fn secrets_that_cannot_be_given() {
    task("secrets: { TOKEN: »My_Token }", code::BAD_NAME);
    task("secrets: { TOKEN: »\"${{ inputs.which }}\" }", code::BAD_NAME);
    task("secrets: { TOKEN: { name: »A, as: env } }", code::BAD_NAME);
    task("secrets: { »to-ken: a }", code::BAD_NAME);
    task("secrets: { »EMBOFLOW_KEY: a }", code::BAD_NAME);
    task("secrets: { TOKEN: { name: a, as: »volume } }", code::BAD_VALUE);
    task("secrets: { »TOKEN: { as: env } }", code::MISSING_FIELD);
    task("secrets: { TOKEN: { name: a, »form: env } }", code::UNKNOWN_FIELD);
    task("secrets: { TOKEN: »3 }", code::WRONG_TYPE);
    task("secrets: »[token]", code::WRONG_TYPE);
    task("env: { TOKEN: x }\nsecrets: { »TOKEN: { name: a, as: env } }", code::CONFLICT);
    task("env: { TOKEN_FILE: x }\nsecrets: { »TOKEN: a }", code::CONFLICT);
    let many: String = (0..17).map(|index| format!("S{index}: a, ")).collect();
    task(&format!("»secrets: {{ {many} }}"), code::BAD_VALUE);
}
