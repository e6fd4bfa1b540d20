//! CloudEvents 1.0 as they come over HTTP and NATS: structured (the body is the whole event) and binary (the
//! attributes are headers, the body is the data).

use serde_json::{Map, Value};

use super::event;

/// A CloudEvent.
#[derive(Clone, Debug, PartialEq)]
pub struct CloudEvent {
    /// Unique for its source.
    pub id: String,
    /// Where it comes from.
    pub source: String,
    /// What happened.
    pub kind: String,
    /// Every other attribute, such as `subject` and `time`.
    pub attributes: Map<String, Value>,
    /// What it says.
    pub data: Value,
}

/// Why something that says it is a CloudEvent is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a CloudEvent: {0}")]
pub struct BadCloudEvent(String);

/// Reads a CloudEvent; none when the message does not say that it is one. `header` gives a header by its name in small
/// letters. Errors: it says so, and is not.
pub fn read<'h>(
    header: impl Fn(&str) -> Option<&'h str>,
    headers: impl Iterator<Item = (&'h str, &'h str)>,
    body: &[u8],
) -> Result<Option<CloudEvent>, BadCloudEvent> {
    let media = header("content-type").unwrap_or_default().to_ascii_lowercase();
    if media.starts_with("application/cloudevents-batch") {
        return Err(BadCloudEvent("batches are not taken; send one event a message".to_owned()));
    }
    if media.starts_with("application/cloudevents") {
        return structured(body).map(Some);
    }
    if header("ce-specversion").is_none() {
        return Ok(None);
    }
    let mut attributes = Map::new();
    for (name, value) in headers {
        if let Some(name) = name.to_ascii_lowercase().strip_prefix("ce-") {
            attributes.insert(name.to_owned(), decoded(value).into());
        }
    }
    of(attributes, event::data(body)).map(Some)
}

fn structured(body: &[u8]) -> Result<CloudEvent, BadCloudEvent> {
    let read: Result<Map<String, Value>, _> = serde_json::from_slice(body);
    let mut attributes = read.map_err(|error| BadCloudEvent(error.to_string()))?;
    if attributes.contains_key("data_base64") {
        return Err(BadCloudEvent("`data_base64` is not taken; send `data` as JSON".to_owned()));
    }
    let data = attributes.remove("data").unwrap_or_default();
    of(attributes, data)
}

fn of(mut attributes: Map<String, Value>, data: Value) -> Result<CloudEvent, BadCloudEvent> {
    let mut text = |name: &str| match attributes.remove(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        Some(_) => Err(BadCloudEvent(format!("`{name}` must be a text that is not empty"))),
        None => Err(BadCloudEvent(format!("`{name}` is missing"))),
    };
    let version = text("specversion")?;
    if !version.starts_with("1.") {
        let shown: String = version.chars().take(20).collect();
        return Err(BadCloudEvent(format!("`specversion` is {shown}; 1.0 is read here")));
    }
    Ok(CloudEvent { id: text("id")?, source: text("source")?, kind: text("type")?, attributes, data })
}

/// A header of the HTTP binding is percent-encoded.
fn decoded(value: &str) -> String {
    let bytes = value.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
        match hex.and_then(|two| u8::from_str_radix(two, 16).ok()).filter(|_| bytes[at] == b'%') {
            Some(byte) => {
                plain.push(byte);
                at += 3;
            }
            None => {
                plain.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

impl CloudEvent {
    /// As the expressions of a trigger read it: its attributes under their names, and `data`.
    pub fn into_event(self) -> Value {
        let mut fields = self.attributes;
        fields.insert("id".to_owned(), self.id.into());
        fields.insert("source".to_owned(), self.source.into());
        fields.insert("type".to_owned(), self.kind.into());
        fields.insert("data".to_owned(), self.data);
        Value::Object(fields)
    }
}
