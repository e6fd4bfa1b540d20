use emboflow_model::workflow::{Problem, code, parse};
use serde_json::{Map, Value, json};

/// The value of an expression over `inputs.value`, or its problem.
pub(crate) fn evaluate(expression: &str, value: &Value) -> Result<Value, Problem> {
    let kind = match value {
        Value::Null | Value::String(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let source = json!({
        "version": 1,
        "name": "w",
        "inputs": { "value": { "type": kind } },
        "tasks": { "t": { "image": "busybox", "matrix": { "v": [format!("${{{{ {expression} }}}}")] } } },
    });
    let workflow = parse(&source.to_string()).map_err(|mut problems| problems.remove(0))?;
    let given = if value.is_null() { json!("") } else { value.clone() };
    let inputs = workflow.resolve_inputs(&Map::from_iter([("value".to_owned(), given)])).unwrap();
    let mut tasks = workflow.expand(&inputs).map_err(|mut problems| problems.remove(0))?;
    Ok(tasks.remove(0).matrix.remove("v").unwrap())
}

#[track_caller]
fn gives(expression: &str, expected: Value) {
    let value =
        evaluate(expression, &Value::Null).unwrap_or_else(|problem| panic!("{expression}: {problem}"));
    assert_eq!(value, expected, "{expression}");
}

#[track_caller]
fn fails(expression: &str, part: &str) {
    match evaluate(expression, &Value::Null) {
        Ok(value) => panic!("{expression} gave {value}"),
        Err(problem) => assert!(problem.message.contains(part), "{expression}: {problem}"),
    }
}

#[test]
fn values_keep_their_types() {
    gives("1", json!(1));
    gives("1.0", json!(1.0));
    gives("-9223372036854775808", json!(i64::MIN));
    gives("0x1F", json!(31));
    gives("'a\\n\\x41\\u00e9'", json!("a\nAé"));
    gives("r'\\n'", json!("\\n"));
    gives("\"\"\"a\"b\"\"\"", json!("a\"b"));
    gives("[1, 'a', true, null]", json!([1, "a", true, null]));
    gives("{'a': {'b': 1}}.a.b", json!(1));
    gives("{'a': {'b': 1}}", json!({"a": {"b": 1}}));
    gives("{'a-b': 7}.`a-b`", json!(7));
}

#[test]
fn operators() {
    gives("1 + 2 * 3 - 4 / 2 % 2", json!(7));
    gives("-7 / 2", json!(-3));
    gives("-7 % 3", json!(-1));
    gives("-(2 + 3)", json!(-5));
    gives("!true || 2 > 1 && 'a' < 'b'", json!(true));
    gives("1 == 1.0 && 1 < 1.5 && 9007199254740993 > 9007199254740992.0", json!(true));
    gives("'a' == 1", json!(false));
    gives("[1] + [2] == [1, 2]", json!(true));
    gives("'x' in ['x'] && 'k' in {'k': 1}", json!(true));
    gives("true ? 1 : 1 / 0", json!(1));
    gives("false && 1 / 0 == 1 || 1 / 0 == 1 || true", json!(true));
    gives("[3, 4][1] + {'a': 5}['a']", json!(9));
    gives("1 // a comment", json!(1));
}

#[test]
fn functions_and_macros() {
    gives("size('äö') + size([1, 2]) + [1].size() + size({'a': 1})", json!(6));
    gives("string(1) + string(1.5) + string(2.0) + string(true)", json!("11.52true"));
    gives("int('12') + int(3.9) + int(-3.9)", json!(12));
    gives("double(1) / double('4')", json!(0.25));
    gives("bool('true')", json!(true));
    gives("range(3)", json!([0, 1, 2]));
    gives("range(4).filter(x, x % 2 == 1).map(x, x * 10)", json!([10, 30]));
    gives("[[1, 2], [3]].map(x, x.map(y, size(x) * y))", json!([[2, 4], [3]]));
    gives(
        "range(3).all(x, x < 3) && range(3).exists(x, x == 2) && range(3).exists_one(x, x == 0)",
        json!(true),
    );
    gives("has({'a': 1}.a) && !has({'a': 1}.b)", json!(true));
    gives("'resnet-50'.matches('^[a-z]+-[0-9]+$') && 'abc'.contains('b')", json!(true));
    gives("'abc'.startsWith('ab') && 'abc'.endsWith('bc')", json!(true));
    gives("' Ab '.trim().lowerAscii() + 'b'.upperAscii()", json!("abB"));
    gives("'a,b'.split(',').join('+')", json!("a+b"));
}

#[test]
fn what_has_no_value_says_why() {
    fails("1 + 'a'", "string()");
    fails("1 + 1.0", "do not mix");
    fails("9223372036854775807 + 1", "64 bits");
    fails("-(-9223372036854775808)", "no meaning");
    fails("-9223372036854775808 / -1", "64 bits");
    fails("1 / 0", "division by zero");
    fails("1.0 / 0.0", "finite");
    fails("1 % 0", "division by zero");
    fails("[1][1]", "no element 1");
    fails("[1][-1]", "no element -1");
    fails("{'a': 1}.b", "no key `b`");
    fails("{'a': 1, 'a': 2}", "second time");
    fails("'a'.b", "no field `b`");
    fails("1 < 'a'", "no order");
    fails("1 ? 2 : 3", "true or false");
    fails("range(-1)", "from 0");
    fails("range(100001)", "100000");
    fails("int('x')", "whole number");
    fails("'a'.matches('(')", "regular expression");
    fails("1u", "unsigned");
    fails("b'x'", "byte strings");
    fails("for", "reserved");
    fails("1 & 2", "&&");
    fails("has(1)", "has");
    fails("[1].map(1, 2)", "with a name");
    fails("inputs.other", "no `inputs.other`");
}

#[test]
fn work_is_bounded() {
    // Without the bound each of these takes hours.
    for expression in [
        "range(100000).map(x, range(100000).map(y, x + y))",
        "range(100000).all(x, range(100000).all(y, true))",
        "range(100000).map(x, range(100000))",
        "range(100000).filter(x, x in range(100000))",
        "range(1000).map(x, range(1000).map(y, range(1000).map(z, 'xxxxxxxxxxxxxxxxxxxxxxxxx')))",
        "range(100000).map(x, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'.matches('(a?){30}a{30}'))",
    ] {
        let problem = evaluate(expression, &Value::Null).unwrap_err();
        assert_eq!(problem.code, code::EVALUATION_FAILED, "{expression}: {problem}");
        assert!(problem.message.contains("too much work"), "{expression}: {problem}");
    }
}

#[test]
fn a_long_value_is_not_copied_without_being_paid_for() {
    let long = json!("x".repeat(200_000));
    let problem = evaluate("range(100000).map(x, inputs.value)", &long).unwrap_err();
    assert!(problem.message.contains("too much work"), "{problem}");
    let joined = format!("[{}].join('')", vec!["inputs.value"; 20].join(", "));
    assert!(evaluate(&joined, &long).unwrap_err().message.contains("longer than"));
}

#[test]
fn hostile_syntax_is_refused_and_never_panics() {
    for expression in [
        "(".repeat(3000),
        format!("{}1{}", "(".repeat(3000), ")".repeat(3000)),
        "[".repeat(3000),
        "-".repeat(3000),
        "!".repeat(3000) + "true",
        "{'a':".repeat(500),
        "a.".repeat(1500),
        "1+".repeat(1500) + "1",
        "true?".repeat(500),
        "true ? true : ".repeat(200) + "true",
        "x".repeat(5000),
        "[1].map(x, ".repeat(200),
        "\"\\".to_owned(),
        "'\\u12'".to_owned(),
        "'\\U7fffffff'".to_owned(),
        "0x".to_owned(),
        "1e999".to_owned(),
        "é".to_owned(),
        "'é".to_owned(),
        "`".to_owned(),
        "a.`é`".to_owned(),
        "\u{0}".to_owned(),
        "1..2".to_owned(),
        ".5.5".to_owned(),
        "in".to_owned(),
        "[1,,2]".to_owned(),
        "{:}".to_owned(),
        "r'".to_owned(),
        "\"\"\"".to_owned(),
    ] {
        assert!(evaluate(&expression, &Value::Null).is_err(), "{}", &expression[..expression.len().min(40)]);
    }
}

#[test]
fn every_prefix_of_an_expression_is_handled() {
    let whole = "has(inputs.value) ? [1, -2.5e3, 'a\\t', r\"\\d\"].map(x, x == {'k': `v`}.k[0]) : \"\"\"é\"\"\" in inputs.value && !false || 0x1f >= 3 % 2";
    for end in (0..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
        let _ = evaluate(&whole[..end], &Value::Null);
        let _ = evaluate(&whole[end..], &Value::Null);
    }
}
