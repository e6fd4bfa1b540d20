//! What starts a run, as the expressions of a trigger read it: `event`.

use serde_json::{Map, Value, json};

use crate::Timestamp;

/// Characters of a body that is no JSON and is given on as a text.
const MAX_TEXT_CHARS: usize = 64 * 1024;

/// An event: `type`, `time`, `source`, `subject`, `id`, `headers` and `data`, as far as it has them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event(Map<String, Value>);

impl Event {
    /// A time of a table; `local` is the same moment in the table's zone.
    pub fn time(time: Timestamp, local: &str) -> Self {
        Self::of(json!({ "type": "schedule", "time": time, "local_time": local }))
    }

    /// A message, or the body of a request.
    pub fn message(
        kind: &str,
        subject: &str,
        time: Timestamp,
        headers: Map<String, Value>,
        body: &[u8],
    ) -> Self {
        Self::of(
            json!({ "type": kind, "subject": subject, "time": time, "headers": headers, "data": data(body) }),
        )
    }

    /// Something that is JSON already.
    pub fn plain(kind: &str, time: Timestamp, data: Value) -> Self {
        Self::of(json!({ "type": kind, "time": time, "data": data }))
    }

    /// One attribute more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// As an expression reads it.
    pub fn into_value(self) -> Value {
        Value::Object(self.0)
    }

    fn of(value: Value) -> Self {
        match value {
            Value::Object(fields) => Self(fields),
            _ => Self::default(),
        }
    }
}

/// A body as a value: JSON where it is some, nothing where there is none, else a text.
pub fn data(body: &[u8]) -> Value {
    if body.trim_ascii().is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(body).unwrap_or_else(|_| {
        String::from_utf8_lossy(body).chars().take(MAX_TEXT_CHARS).collect::<String>().into()
    })
}
