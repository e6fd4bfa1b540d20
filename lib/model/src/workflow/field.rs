//! Fields of the workflow file that hold more than one type, because an expression may stand for their value.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A text, number or boolean; a text may be or contain `${{ … }}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Scalar(Value);

impl Scalar {
    /// The value: a string, a number or a boolean.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        self.0.as_str()
    }
}

impl From<Scalar> for Value {
    fn from(scalar: Scalar) -> Self {
        scalar.0
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self(Value::from(text))
    }
}

/// The value is no text, number or boolean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAScalar;

impl fmt::Display for NotAScalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a text, a number or a boolean")
    }
}

impl TryFrom<Value> for Scalar {
    type Error = NotAScalar;

    fn try_from(value: Value) -> Result<Self, NotAScalar> {
        match value {
            Value::String(_) | Value::Number(_) | Value::Bool(_) => Ok(Self(value)),
            _ => Err(NotAScalar),
        }
    }
}

impl JsonSchema for Scalar {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

/// The words of a command: a list, or one `${{ … }}` that gives a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Words {
    /// The words one by one.
    List(Vec<Scalar>),
    /// An expression for the whole list.
    Whole(String),
}

/// The values of one axis of a matrix: a list, or one `${{ … }}` that gives a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Axis {
    /// The values one by one.
    List(Vec<Value>),
    /// An expression for the whole list.
    Whole(String),
}
