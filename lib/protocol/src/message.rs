//! A message knows where it goes: no code outside this crate spells a subject.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Root token of every subject.
pub const ROOT: &str = "emboflow";

/// A NATS subject made by a message or by a filter of this crate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(String);

impl Subject {
    pub(crate) fn new(tokens: &[&dyn fmt::Display]) -> Self {
        let mut text = String::from(ROOT);
        for token in tokens {
            text.push('.');
            text.push_str(&token.to_string());
        }
        Self(text)
    }

    /// The subject as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Something that travels as JSON under the subject that it computes from itself.
pub trait Message: Serialize + DeserializeOwned {
    /// Where it goes.
    fn subject(&self) -> Subject;

    /// A deduplication id, for streams that are rebuilt by publishing again.
    fn message_id(&self) -> Option<String> {
        None
    }
}
