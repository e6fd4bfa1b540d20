//! A NATS message as the event that a trigger reads.

use emboflow_bus::Headers;
use emboflow_model::Timestamp;
use emboflow_model::trigger::cloud_event::{self, CloudEvent};
use emboflow_model::trigger::{Event, Reason};
use serde_json::{Map, Value};

/// Bytes of a message that a trigger reads at most: what it makes of it must fit a request.
const MAX_BYTES: usize = 512 * 1024;

/// A message that has been read.
pub(crate) struct Message {
    cloud_event: Option<CloudEvent>,
    plain: Event,
}

/// Reads a message. Errors: why it starts nothing, in words.
pub(crate) fn read(
    subject: &str,
    headers: &Headers,
    payload: &[u8],
    time: Timestamp,
) -> Result<Message, String> {
    if payload.len() > MAX_BYTES {
        return Err(format!("the message has {} bytes; a trigger reads {MAX_BYTES} at most", payload.len()));
    }
    let header = |name: &str| headers.get_any_case(name);
    let cloud_event =
        cloud_event::read(header, headers.iter(), payload).map_err(|error| error.to_string())?;
    let shown: Map<String, Value> =
        headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.into())).collect();
    let plain = match &cloud_event {
        // Its attributes are read from the event itself.
        Some(_) => Event::default(),
        None => Event::message("nats", subject, time, shown, payload),
    };
    Ok(Message { cloud_event, plain })
}

impl Message {
    /// What tells it from others, where it says so itself: a CloudEvent by its source and id, a message by the
    /// deduplication id of its publisher.
    pub(crate) fn own_reason<'m>(&'m self, headers: &'m Headers) -> Option<Reason<'m>> {
        match &self.cloud_event {
            Some(event) => Some(Reason::CloudEvent { source: &event.source, id: &event.id }),
            None => headers.get("Nats-Msg-Id").map(Reason::Named),
        }
    }

    /// As the expressions read it.
    pub(crate) fn into_event(self) -> Value {
        match self.cloud_event {
            Some(event) => event.into_event(),
            None => self.plain.into_value(),
        }
    }
}
