//! Inputs of a run: their declarations, and the values that a request gives.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::code;
use super::document::{Document, Problems, join};
use super::expression::functions::{compile, number_text};
use super::file::{InputSpec, InputType};
use super::limits::{MAX_INPUT_BYTES, MAX_PROBLEMS};
use super::problem::Problem;
use super::suggest::{self, shown};

impl InputType {
    /// The word of the file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

impl InputSpec {
    /// Whether a run must give a value.
    pub fn is_required(&self) -> bool {
        self.required.unwrap_or(self.default.is_none()) && self.default.is_none()
    }

    /// The value that the declaration takes for this one: a whole double becomes an integer where one is declared.
    /// Errors: how the value breaks the declaration, as the end of a sentence.
    pub fn accept(&self, value: &Value) -> Result<Value, String> {
        let value = self.typed(value)?;
        self.check_bounds(&value)?;
        if let Some(choices) = &self.choices
            && !choices.iter().any(|choice| self.typed(choice).is_ok_and(|choice| choice == value))
        {
            let listed: Vec<String> = choices.iter().take(20).map(Value::to_string).collect();
            return Err(format!("must be one of {}, not {}", listed.join(", "), shown(&value.to_string())));
        }
        if let (Some(pattern), Some(text)) = (&self.pattern, value.as_str())
            && !compile(pattern)?.is_match(text)
        {
            return Err(format!("must match `{}`, but `{}` does not", shown(pattern), shown(text)));
        }
        Ok(value)
    }

    /// Reads a value from a text, as a command line or a form gives it. Errors: how the text breaks the declaration.
    pub fn read(&self, text: &str) -> Result<Value, String> {
        let value = match self.kind {
            InputType::String => Value::from(text),
            _ => serde_json::from_str(text)
                .map_err(|_| format!("must be {}, not `{}`", with_article(self.kind), shown(text)))?,
        };
        self.accept(&value)
    }

    fn typed(&self, value: &Value) -> Result<Value, String> {
        let fits = match self.kind {
            InputType::String => value.is_string(),
            InputType::Integer => match whole(value) {
                Some(integer) => return Ok(Value::from(integer)),
                None => false,
            },
            InputType::Number => value.is_f64() || value.is_i64(),
            InputType::Boolean => value.is_boolean(),
            InputType::Array => value.is_array(),
            InputType::Object => value.is_object(),
        };
        match fits {
            true => Ok(value.clone()),
            false => Err(format!("must be {}, not {}", with_article(self.kind), shown(&value.to_string()))),
        }
    }

    fn check_bounds(&self, value: &Value) -> Result<(), String> {
        #[expect(clippy::cast_precision_loss, reason = "a length is far below 2^53")]
        let (measured, of) = match value {
            Value::Number(number) => (number.as_f64().unwrap_or(f64::NAN), ""),
            Value::String(text) => (text.chars().count() as f64, " characters long"),
            Value::Array(items) => (items.len() as f64, " elements long"),
            _ => return Ok(()),
        };
        let given = match value {
            Value::Number(number) => number_text(number),
            _ => measured.to_string(),
        };
        if let Some(least) = self.minimum.filter(|least| measured < *least) {
            return Err(format!("must be at least {least}{of}, not {given}"));
        }
        if let Some(most) = self.maximum.filter(|most| measured > *most) {
            return Err(format!("must be at most {most}{of}, not {given}"));
        }
        Ok(())
    }
}

/// The integer that a JSON number is, `3.0` included.
fn whole(value: &Value) -> Option<i64> {
    let double = match value.as_i64() {
        Some(integer) => return Some(integer),
        None if value.is_f64() => value.as_f64()?,
        None => return None,
    };
    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and exact")]
    let integer = double as i64;
    (double.fract() == 0.0 && double.abs() < 9_007_199_254_740_992.0).then_some(integer)
}

fn with_article(kind: InputType) -> String {
    let article =
        if matches!(kind, InputType::Integer | InputType::Array | InputType::Object) { "an" } else { "a" };
    format!("{article} {}", kind.word())
}

/// Collects what contradicts itself in the declarations; `pointer` is where they stand.
pub(super) fn check(
    document: &Document,
    inputs: &IndexMap<String, InputSpec>,
    pointer: &str,
    problems: &mut Problems,
) {
    for (name, input) in inputs {
        let at = join(pointer, name);
        if !is_input_name(name) {
            let message = format!(
                "`{}` is not a name of an input: a letter first, then letters, digits or `_`, at most 63",
                shown(name)
            );
            let hint = name.contains('-').then(|| {
                format!("write `{}`; a `-` would be a minus in an expression", name.replace('-', "_"))
            });
            problems.push(document.at_key(code::BAD_NAME, &at, message).with_some_hint(hint));
        }
        if let Err((field, message)) = check_declaration(input) {
            let pointer = join(&at, field);
            let message = format!("the input `{}` contradicts itself: {message}", shown(name));
            problems.push(document.at_value(code::BAD_INPUT_DECLARATION, &pointer, message));
        }
    }
}

fn is_input_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.len() <= 63
        && bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

fn check_declaration(input: &InputSpec) -> Result<(), (&'static str, String)> {
    let kind = with_article(input.kind);
    let measurable = !matches!(input.kind, InputType::Boolean | InputType::Object);
    for (field, bound) in [("minimum", input.minimum), ("maximum", input.maximum)] {
        if bound.is_some() && !measurable {
            return Err((field, format!("`{field}` means nothing for {kind}")));
        }
    }
    if let (Some(least), Some(most)) = (input.minimum, input.maximum)
        && least > most
    {
        return Err(("minimum", format!("no value is at least {least} and at most {most}")));
    }
    if let Some(pattern) = &input.pattern {
        if input.kind != InputType::String {
            return Err(("pattern", format!("`pattern` means nothing for {kind}")));
        }
        compile(pattern).map_err(|message| ("pattern", message))?;
    }
    for choice in input.choices.iter().flatten() {
        input.typed(choice).map_err(|message| ("enum", format!("a value {message}")))?;
    }
    if input.choices.as_ref().is_some_and(Vec::is_empty) {
        return Err(("enum", "there is no value that it may have".to_owned()));
    }
    match &input.default {
        Some(_) if input.required == Some(true) => {
            Err(("required", "the default of a required input is never used".to_owned()))
        }
        Some(default) => {
            input.accept(default).map(|_| ()).map_err(|message| ("default", format!("the default {message}")))
        }
        None => Ok(()),
    }
}

/// The value of every input that `whose` declarations have. Errors: every given or missing value that is wrong.
pub(super) fn resolve(
    inputs: &IndexMap<String, InputSpec>,
    given: &Map<String, Value>,
    whose: &str,
) -> Result<Map<String, Value>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut resolved = Map::new();
    for (name, value) in given {
        if !inputs.contains_key(name) {
            let message = format!("{whose} has no input `{}`", shown(name));
            let hint = match inputs.is_empty() {
                true => Some(format!("{whose} has no inputs")),
                false => suggest::hint(name, inputs.keys().map(String::as_str)),
            };
            problems.push(about(code::UNKNOWN_INPUT, name, message).with_some_hint(hint));
        } else if value.to_string().len() > MAX_INPUT_BYTES {
            let message = format!("the input `{name}` is longer than {MAX_INPUT_BYTES} bytes");
            problems.push(
                about(code::BAD_INPUT, name, message).with_hint("store the data and give its place instead"),
            );
        }
        if problems.len() >= MAX_PROBLEMS {
            return Err(problems);
        }
    }
    for (name, input) in inputs {
        let is_too_long = |problem: &Problem| problem.pointer == join("/inputs", name);
        if problems.iter().any(is_too_long) {
            continue;
        }
        let value = match (given.get(name), &input.default) {
            (Some(value), _) => input
                .accept(value)
                .map_err(|message| about(code::BAD_INPUT, name, format!("the input `{name}` {message}"))),
            (None, Some(default)) => input.accept(default).map_err(|message| {
                about(code::BAD_INPUT, name, format!("the default of `{name}` {message}"))
            }),
            (None, None) if input.is_required() => {
                let hint = format!("it is {}; give it a value", with_article(input.kind));
                Err(about(code::MISSING_INPUT, name, format!("the input `{name}` is missing"))
                    .with_hint(hint))
            }
            (None, None) => Ok(Value::Null),
        };
        match value {
            Ok(value) => {
                resolved.insert(name.clone(), value);
            }
            Err(problem) => problems.push(problem),
        }
    }
    problems.truncate(MAX_PROBLEMS);
    if problems.is_empty() { Ok(resolved) } else { Err(problems) }
}

fn about(code: &'static str, name: &str, message: String) -> Problem {
    Problem::elsewhere(code, join("/inputs", &shown(name)), message)
}
