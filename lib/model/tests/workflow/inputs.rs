use emboflow_model::workflow::code;
use serde_json::{Map, Value, json};

use crate::good;

fn workflow() -> emboflow_model::workflow::Workflow {
    good(
        r#"
version: 1
name: w
inputs:
  episodes: { type: integer, default: 8, minimum: 1, maximum: 100 }
  model: { type: string, enum: [small, large], default: small }
  tag: { type: string, pattern: "^v[0-9]+$" }
  rate: { type: number, default: 0.5 }
  publish: { type: boolean, default: false }
  seeds: { type: array, default: [1, 2], maximum: 3 }
  extra: { type: object, required: false }
tasks: { t: { image: busybox } }
"#,
    )
}

/// Code, pointer and message.
type Refusal = (&'static str, String, String);

fn resolve(given: &Value) -> Result<Map<String, Value>, Vec<Refusal>> {
    workflow().resolve_inputs(given.as_object().unwrap()).map_err(|problems| {
        problems.into_iter().map(|problem| (problem.code, problem.pointer, problem.message)).collect()
    })
}

#[track_caller]
fn refused(given: Value, code: &str, pointer: &str, part: &str) {
    let problems = resolve(&given).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!((problems[0].0, problems[0].1.as_str()), (code, pointer));
    assert!(problems[0].2.contains(part), "{problems:?}");
}

#[test]
fn defaults_fill_what_is_not_given() {
    let expected = json!({
        "episodes": 8, "model": "small", "tag": "v1", "rate": 0.5, "publish": false, "seeds": [1, 2], "extra": null
    });
    assert_eq!(Value::Object(resolve(&json!({"tag": "v1"})).unwrap()), expected);
}

#[test]
fn given_values_are_checked_against_their_declaration() {
    assert_eq!(resolve(&json!({"tag": "v1", "episodes": 3.0})).unwrap()["episodes"], json!(3));
    assert!(resolve(&json!({"tag": "v1", "episodes": 3.0})).unwrap()["episodes"].is_i64());
    refused(json!({}), code::MISSING_INPUT, "/inputs/tag", "`tag` is missing");
    refused(json!({"tag": "v1", "episode": 1}), code::UNKNOWN_INPUT, "/inputs/episode", "no input `episode`");
    refused(json!({"tag": "v1", "episodes": 0}), code::BAD_INPUT, "/inputs/episodes", "at least 1, not 0");
    refused(json!({"tag": "v1", "episodes": 101}), code::BAD_INPUT, "/inputs/episodes", "at most 100");
    refused(json!({"tag": "v1", "episodes": "3"}), code::BAD_INPUT, "/inputs/episodes", "an integer");
    refused(json!({"tag": "v1", "episodes": 1.5}), code::BAD_INPUT, "/inputs/episodes", "an integer");
    refused(json!({"tag": "v1", "episodes": u64::MAX}), code::BAD_INPUT, "/inputs/episodes", "an integer");
    refused(json!({"tag": "v1", "episodes": null}), code::BAD_INPUT, "/inputs/episodes", "null");
    refused(json!({"tag": "1"}), code::BAD_INPUT, "/inputs/tag", "must match");
    refused(json!({"tag": "v1", "model": "huge"}), code::BAD_INPUT, "/inputs/model", "one of");
    refused(json!({"tag": "v1", "seeds": [1, 2, 3, 4]}), code::BAD_INPUT, "/inputs/seeds", "3 elements");
    refused(json!({"tag": "v1", "publish": 1}), code::BAD_INPUT, "/inputs/publish", "a boolean");
    refused(json!({"tag": "v1", "extra": "x".repeat(300_000)}), code::BAD_INPUT, "/inputs/extra", "bytes");
}

#[test]
fn an_unknown_input_comes_with_the_likely_one() {
    let problems =
        workflow().resolve_inputs(json!({"tag": "v1", "episode": 1}).as_object().unwrap()).unwrap_err();
    assert_eq!(problems[0].hint.as_deref(), Some("did you mean `episodes`?"));
    assert_eq!((problems[0].line, problems[0].column), (0, 0));
}

#[test]
fn texts_of_a_command_line_are_read_by_the_declared_type() {
    let workflow = workflow();
    let read = |name: &str, text: &str| workflow.file.inputs[name].read(text);
    assert_eq!(read("episodes", "3"), Ok(json!(3)));
    assert_eq!(read("tag", "v3"), Ok(json!("v3")));
    assert_eq!(read("seeds", "[4]"), Ok(json!([4])));
    assert_eq!(read("publish", "true"), Ok(json!(true)));
    assert!(read("episodes", "x").is_err());
}
