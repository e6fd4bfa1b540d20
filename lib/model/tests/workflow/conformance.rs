//! The expression language is a subset of CEL: what it accepts, another implementation of CEL gives the same value for.

use cel::{Context, Program, Value as Cel};
use serde_json::{Value, json};

use crate::expressions::evaluate;

fn as_json(value: &Cel) -> Value {
    match value {
        Cel::Int(value) => json!(value),
        Cel::UInt(value) => json!(value),
        Cel::Float(value) => json!(value),
        Cel::String(value) => json!(value.as_str()),
        Cel::Bool(value) => json!(value),
        Cel::Null => Value::Null,
        Cel::List(items) => items.iter().map(as_json).collect(),
        Cel::Map(map) => {
            Value::Object(map.map.iter().map(|(key, value)| (key.to_string(), as_json(value))).collect())
        }
        other => panic!("a value without JSON: {other:?}"),
    }
}

#[test]
fn both_implementations_give_the_same_values() {
    for expression in [
        "1 + 2 * 3",
        "(1 + 2) * 3",
        "7 / 2",
        "-7 / 2",
        "-7 % 3",
        "7.0 / 2.0",
        "1 - 1 - 1",
        "2 * 3 % 4",
        "!false && true || false",
        "true || false && false",
        "1 < 2 == true",
        "'a' + 'b' == 'ab'",
        "'b' > 'a'",
        "1 == 1.0",
        "1 < 1.5",
        "'1' == 1",
        "[1, 2] + [3]",
        "[1, 2][1]",
        "{'a': 1, 'b': [2]}['b'][0]",
        "{'a': {'b': 'c'}}.a.b",
        "2 in [1, 2]",
        "'a' in {'a': 1}",
        "true ? 'yes' : 'no'",
        "false ? 1 : true ? 2 : 3",
        "false && 1 / 0 == 1",
        "1 / 0 == 1 || true",
        "[1, 2, 3].map(x, x * x)",
        "[1, 2, 3].filter(x, x > 1)",
        "[1, 2, 3].all(x, x > 0)",
        "[1, 2, 3].exists(x, x == 3)",
        "[1, 2, 2].exists_one(x, x == 2)",
        "{'a': 1}.all(k, k == 'a')",
        "has({'a': 1}.a)",
        "has({'a': 1}.b)",
        "size('äöü')",
        "size([1, 2])",
        "'abc'.size()",
        "'abc'.contains('b')",
        "'abc'.startsWith('a')",
        "'abc'.endsWith('a')",
        "'abc123'.matches('[0-9]+')",
        "string(12)",
        "int('12')",
        "int(2.9)",
        "double('2.5')",
        "0x10",
        "'\\x41\\u0042\\103\\t'",
        "r'\\d'",
        "\"\"\"a\nb\"\"\"",
        "-9223372036854775808",
        "[1, 'a', null, true]",
        "--1",
        "!!true",
    ] {
        let program = Program::compile(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
        let theirs =
            program.execute(&Context::default()).unwrap_or_else(|error| panic!("{expression}: {error}"));
        let ours =
            evaluate(expression, &Value::Null).unwrap_or_else(|problem| panic!("{expression}: {problem}"));
        assert_eq!(ours, as_json(&theirs), "{expression}");
    }
}

#[test]
fn both_implementations_refuse_the_same() {
    for expression in [
        "1 +",
        "(1",
        "[1",
        "1 2",
        "'a",
        "1 + 'a'",
        "1 + 1.0",
        "1 / 0",
        "[1][2]",
        "{'a': 1}.b",
        "!1",
        "-'a'",
        "1 < 'a'",
        "9223372036854775807 + 1",
        "x",
        "nothing(1)",
        "1 ? 2 : 3",
        "for",
        "a b",
        "1 = 1",
    ] {
        let theirs =
            Program::compile(expression).ok().and_then(|program| program.execute(&Context::default()).ok());
        assert!(theirs.is_none(), "{expression} gave {theirs:?}");
        assert!(evaluate(expression, &Value::Null).is_err(), "{expression}");
    }
}
