//! Values with `${{ … }}` in them that belong to no run yet: the inputs that a trigger gives.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::expression::{Evaluator, Fuel, Part, Template};
use super::limits::{MAX_DEPTH, MAX_INPUT_BYTES};
use super::render::text_of;

/// Why a value cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("input `{input}`: {message}")]
pub struct MappingError {
    /// The input.
    pub input: String,
    /// What went wrong.
    pub message: String,
}

/// The inputs with every expression over `event` evaluated; a value that is one whole expression keeps its type.
/// Errors: the first that failed, or that all of them are too large. Bounded work, never a panic.
pub fn map_inputs(
    inputs: &IndexMap<String, Value>,
    event: &Value,
) -> Result<Map<String, Value>, MappingError> {
    let roots = [("event", event)];
    let mut fuel = Fuel::default();
    let mut left = MAX_INPUT_BYTES;
    let mut mapped = Map::new();
    for (name, value) in inputs {
        let made = mapped_value(value, &roots, &mut fuel, 0).and_then(|made| {
            let bytes = serde_json::to_string(&made).map_or(usize::MAX, |text| text.len());
            left = left
                .checked_sub(bytes)
                .ok_or_else(|| format!("the inputs have more than {MAX_INPUT_BYTES} bytes"))?;
            Ok(made)
        });
        let made = made.map_err(|message| MappingError { input: name.clone(), message })?;
        mapped.insert(name.clone(), made);
    }
    Ok(mapped)
}

type Roots<'r> = [(&'static str, &'r Value)];

fn mapped_value(value: &Value, roots: &Roots<'_>, fuel: &mut Fuel, depth: usize) -> Result<Value, String> {
    if depth > MAX_DEPTH {
        return Err(format!("more than {MAX_DEPTH} levels"));
    }
    match value {
        Value::String(text) if Template::is_in(text) => mapped_text(text, roots, fuel),
        Value::Array(items) => items.iter().map(|item| mapped_value(item, roots, fuel, depth + 1)).collect(),
        Value::Object(fields) => {
            let mut mapped = Map::new();
            for (name, field) in fields {
                mapped.insert(name.clone(), mapped_value(field, roots, fuel, depth + 1)?);
            }
            Ok(Value::Object(mapped))
        }
        plain => Ok(plain.clone()),
    }
}

fn mapped_text(text: &str, roots: &Roots<'_>, fuel: &mut Fuel) -> Result<Value, String> {
    let template = Template::parse(text).map_err(|error| error.message)?;
    let mut evaluate = |expression| {
        let mut evaluator = Evaluator::new(roots, None, fuel);
        evaluator.evaluate(expression).map(std::borrow::Cow::into_owned).map_err(|error| error.message)
    };
    if let Some((_, expression)) = template.whole() {
        return evaluate(expression);
    }
    let mut joined = String::new();
    for part in &template.parts {
        match part {
            Part::Text(text) => joined.push_str(text),
            Part::Expression { expression, .. } => joined.push_str(&text_of(&evaluate(expression)?)),
        }
        if joined.len() > MAX_INPUT_BYTES {
            return Err(format!("the text gets longer than {MAX_INPUT_BYTES} bytes"));
        }
    }
    Ok(joined.into())
}
