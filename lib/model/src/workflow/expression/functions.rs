//! The functions of expressions, by name.

use std::borrow::Cow;

use serde_json::Value;

use super::evaluate::{type_of, weight};
use crate::workflow::limits::{MAX_RANGE, MAX_TEXT_BYTES};

/// How a function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::workflow) enum Form {
    /// `size(x)`.
    Global,
    /// `x.trim()`.
    Method,
    /// Both ways.
    Either,
    /// `success()`: in a condition only.
    Condition,
}

/// A function: its name, how it is called, and the fewest and most arguments, the one before the dot included.
pub(in crate::workflow) struct Function {
    pub(in crate::workflow) name: &'static str,
    pub(in crate::workflow) form: Form,
    pub(in crate::workflow) arguments: (usize, usize),
}

const fn function(name: &'static str, form: Form, arguments: (usize, usize)) -> Function {
    Function { name, form, arguments }
}

/// Every function.
pub(in crate::workflow) const ALL: &[Function] = &[
    function("size", Form::Either, (1, 1)),
    function("string", Form::Global, (1, 1)),
    function("int", Form::Global, (1, 1)),
    function("double", Form::Global, (1, 1)),
    function("bool", Form::Global, (1, 1)),
    function("range", Form::Global, (1, 1)),
    function("contains", Form::Method, (2, 2)),
    function("startsWith", Form::Method, (2, 2)),
    function("endsWith", Form::Method, (2, 2)),
    function("matches", Form::Either, (2, 2)),
    function("lowerAscii", Form::Method, (1, 1)),
    function("upperAscii", Form::Method, (1, 1)),
    function("trim", Form::Method, (1, 1)),
    function("split", Form::Method, (2, 2)),
    function("join", Form::Method, (1, 2)),
    function("success", Form::Condition, (0, 0)),
    function("failure", Form::Condition, (0, 0)),
    function("always", Form::Condition, (0, 0)),
];

/// What a call costs, before it is made.
pub(super) fn cost(name: &str, values: &[Cow<'_, Value>]) -> u64 {
    let size: u64 = values.iter().map(|value| weight(value)).sum();
    match name {
        "range" => values.first().and_then(|count| count.as_u64()).unwrap_or(0).min(MAX_RANGE.unsigned_abs()),
        // A pattern of regex-lite looks at each byte with each of its states.
        "matches" => size.saturating_mul(1024),
        "split" => values.first().and_then(|text| text.as_str()).map_or(0, |text| text.len() as u64),
        "join" => match values {
            [list, between] => {
                size.saturating_add(list.as_array().map_or(0, Vec::len) as u64 * weight(between))
            }
            _ => size,
        },
        _ => size,
    }
}

/// Calls a function. Errors: what is wrong with the arguments.
pub(super) fn call(name: &str, values: &[Cow<'_, Value>]) -> Result<Value, String> {
    let values: Vec<&Value> = values.iter().map(|value| &**value).collect();
    match (name, values.as_slice()) {
        ("size", [value]) => size(value),
        ("string", [value]) => string(value),
        ("int", [value]) => int(value),
        ("double", [value]) => double(value),
        ("bool", [value]) => boolean(value),
        ("range", [count]) => range(count),
        ("contains", [text, part]) => {
            texts(name, text, part).map(|(text, part)| Value::from(text.contains(part)))
        }
        ("startsWith", [text, part]) => {
            texts(name, text, part).map(|(text, part)| Value::from(text.starts_with(part)))
        }
        ("endsWith", [text, part]) => {
            texts(name, text, part).map(|(text, part)| Value::from(text.ends_with(part)))
        }
        ("matches", [text, pattern]) => {
            let (text, pattern) = texts(name, text, pattern)?;
            compile(pattern).map(|pattern| Value::from(pattern.is_match(text)))
        }
        ("lowerAscii", [text]) => one_text(name, text).map(|text| Value::from(text.to_ascii_lowercase())),
        ("upperAscii", [text]) => one_text(name, text).map(|text| Value::from(text.to_ascii_uppercase())),
        ("trim", [text]) => one_text(name, text).map(|text| Value::from(text.trim())),
        ("split", [text, between]) => texts(name, text, between).map(|(text, between)| split(text, between)),
        ("join", [list]) => join(list, ""),
        ("join", [list, between]) => join(list, one_text(name, between)?),
        _ => Err(format!("there is no function `{name}` for {} arguments", values.len())),
    }
}

/// A regular expression whose matching takes time in proportion to the text. Errors: what is wrong with it.
pub(in crate::workflow) fn compile(pattern: &str) -> Result<regex_lite::Regex, String> {
    regex_lite::RegexBuilder::new(pattern).size_limit(32 * 1024).build().map_err(|error| {
        format!("`{}` is not a regular expression: {error}", crate::workflow::suggest::shown(pattern))
    })
}

fn one_text<'a>(name: &str, value: &'a Value) -> Result<&'a str, String> {
    value.as_str().ok_or_else(|| format!("`{name}` is for texts, not for {}", type_of(value)))
}

fn texts<'a>(name: &str, first: &'a Value, second: &'a Value) -> Result<(&'a str, &'a str), String> {
    Ok((one_text(name, first)?, one_text(name, second)?))
}

fn size(value: &Value) -> Result<Value, String> {
    match value {
        Value::String(text) => Ok(Value::from(text.chars().count())),
        Value::Array(items) => Ok(Value::from(items.len())),
        Value::Object(map) => Ok(Value::from(map.len())),
        other => Err(format!("{} has no size", type_of(other))),
    }
}

fn string(value: &Value) -> Result<Value, String> {
    match value {
        Value::String(_) => Ok(value.clone()),
        Value::Bool(value) => Ok(Value::from(value.to_string())),
        Value::Number(number) => Ok(Value::from(number_text(number))),
        other => Err(format!("`string` is for numbers, booleans and texts, not for {}", type_of(other))),
    }
}

/// A number as text: `3`, `0.5`; a whole double without `.0`, as CEL writes it.
pub(in crate::workflow) fn number_text(number: &serde_json::Number) -> String {
    match (number.as_i64(), number.as_f64()) {
        (None, Some(double)) => double.to_string(),
        _ => number.to_string(),
    }
}

fn int(value: &Value) -> Result<Value, String> {
    let wrong = || format!("{value} is not a whole number of 64 bits");
    match value {
        Value::Number(number) if number.is_i64() => Ok(value.clone()),
        Value::Number(number) => match number.as_f64() {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the range is checked; the fraction is to go"
            )]
            Some(double) if double.abs() < 9.2e18 => Ok(Value::from(double as i64)),
            _ => Err(wrong()),
        },
        Value::String(text) => text.parse::<i64>().map(Value::from).map_err(|_| wrong()),
        other => Err(format!("`int` is for numbers and texts, not for {}", type_of(other))),
    }
}

fn double(value: &Value) -> Result<Value, String> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        other => return Err(format!("`double` is for numbers and texts, not for {}", type_of(other))),
    };
    number
        .filter(|number| number.is_finite())
        .map(Value::from)
        .ok_or_else(|| format!("{value} is not a number"))
}

fn boolean(value: &Value) -> Result<Value, String> {
    match value {
        Value::Bool(_) => Ok(value.clone()),
        Value::String(text) if text == "true" => Ok(Value::Bool(true)),
        Value::String(text) if text == "false" => Ok(Value::Bool(false)),
        _ => Err("`bool` is for booleans and the texts `true` and `false`".to_owned()),
    }
}

fn range(count: &Value) -> Result<Value, String> {
    match count.as_i64() {
        Some(count @ 0..=MAX_RANGE) => Ok((0..count).map(Value::from).collect()),
        Some(count) => Err(format!("`range({count})`: the count is from 0 to {MAX_RANGE}")),
        None => Err(format!("`range` takes an integer, not {}", type_of(count))),
    }
}

fn split(text: &str, between: &str) -> Value {
    match between {
        "" => text.chars().map(|c| Value::from(c.to_string())).collect(),
        _ => text.split(between).map(Value::from).collect(),
    }
}

fn join(list: &Value, between: &str) -> Result<Value, String> {
    let items = list.as_array().ok_or_else(|| format!("`join` is for lists, not for {}", type_of(list)))?;
    let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
    let joined =
        texts.ok_or("`join` is for lists of texts; turn the elements into texts with map(x, string(x))")?;
    let length: usize = joined.iter().map(|text| text.len() + between.len()).sum();
    if length > MAX_TEXT_BYTES {
        return Err(format!("the joined text is longer than {MAX_TEXT_BYTES} bytes"));
    }
    Ok(Value::from(joined.join(between)))
}
