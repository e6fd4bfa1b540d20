//! Headers of messages: ours are checked when written, and anybody's are safe to read.

use async_nats::{HeaderMap, HeaderValue};
use emboflow_protocol::header;

use crate::error::BusError;

/// Headers of a received message.
#[derive(Clone, Debug, Default)]
pub struct Headers(Option<HeaderMap>);

impl Headers {
    pub(crate) fn new(headers: Option<HeaderMap>) -> Self {
        Self(headers)
    }

    /// The first value of a header, spelled as in `emboflow_protocol::header`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.as_ref()?.iter().find_map(|(known, values)| {
            let known: &str = known.as_ref();
            if known == name { values.first().map(|value| value.as_str()) } else { None }
        })
    }

    /// Every header with its first value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(HeaderMap::iter).filter_map(|(name, values)| {
            let name: &str = name.as_ref();
            values.first().map(|value| (name, value.as_str()))
        })
    }

    /// The first value of a header, in capitals or small letters.
    pub fn get_any_case(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// W3C trace context of the sender.
    pub fn traceparent(&self) -> Option<&str> {
        self.get(header::TRACEPARENT)
    }

    /// The sender's idempotency key.
    pub fn idempotency_key(&self) -> Option<&str> {
        self.get(header::IDEMPOTENCY_KEY)
    }

    /// Where the sender wants the answer.
    pub fn reply_to(&self) -> Option<&str> {
        self.get(header::REPLY_TO)
    }

    /// Byte offset of a live log frame; none when it is missing or no number.
    pub fn log_offset(&self) -> Option<u64> {
        self.get(header::LOG_OFFSET)?.trim().parse().ok()
    }
}

/// Adds a header that must arrive as it is. Errors: [`BusError::Invalid`] for line breaks.
pub(crate) fn insert_exact(
    headers: &mut HeaderMap,
    name: &'static str,
    value: &str,
    what: &'static str,
) -> Result<(), BusError> {
    let value: HeaderValue =
        value.parse().map_err(|_| BusError::Invalid { what, why: "it contains a line break".to_owned() })?;
    headers.insert(name, value);
    Ok(())
}

/// Adds a header for people: control characters become spaces, and it is cut to 1,000 characters.
pub(crate) fn insert_text(headers: &mut HeaderMap, name: &'static str, value: &str) {
    let plain: String = value.chars().take(1000).map(|c| if c.is_control() { ' ' } else { c }).collect();
    headers.insert(name, plain);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_break_in_a_header_is_refused_or_replaced_and_never_sent() {
        let mut headers = HeaderMap::new();
        assert!(insert_exact(&mut headers, "A", "x\r\nNats-Rollup: all", "key").is_err());
        insert_text(&mut headers, "B", "x\r\ny");
        assert_eq!(Headers::new(Some(headers)).get("B"), Some("x  y"));
    }

    #[test]
    fn a_header_that_is_not_there_is_none() {
        assert_eq!(Headers::default().traceparent(), None);
        assert_eq!(Headers::new(Some(HeaderMap::new())).log_offset(), None);
    }
}
