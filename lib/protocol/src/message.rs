//! A message knows where it goes: no code outside this crate spells a subject.

use std::fmt::{self, Write as _};

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
            write!(text, ".{token}").expect("writing to a String cannot fail");
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

    /// The same with less in it, where its JSON has more bytes than it should; none: it is sent as it is.
    fn reduced(&self, bytes: usize) -> Option<Self> {
        let _ = bytes;
        None
    }
}
