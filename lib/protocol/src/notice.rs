//! Whoever changed a kept document → whoever has read it: read it again. Lossy; readers also look by themselves now and
//! then.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::message::{Message, Subject};

/// A kept document has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Notice {
    /// The kind of the document, such as `trigger`.
    pub kind: String,
    /// The project it belongs to; empty for the installation's own.
    pub scope: String,
    /// Its name; empty where it is not to be told.
    pub name: String,
}

impl Notice {
    /// A notice of one document.
    pub fn new(kind: &str, scope: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), scope: scope.into(), name: name.into() }
    }

    /// The subjects of all notices, or of those of one kind.
    pub fn filter(kind: Option<&str>) -> Subject {
        match kind {
            Some(kind) => Subject::new(&[&"notice", &kind]),
            None => Subject::new(&[&"notice", &"*"]),
        }
    }
}

impl Message for Notice {
    fn subject(&self) -> Subject {
        Self::filter(Some(&self.kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_goes_where_the_readers_of_its_kind_listen() {
        let notice = Notice::new("trigger", "lab", "nightly");
        assert_eq!(notice.subject(), Notice::filter(Some("trigger")));
        assert_eq!(notice.subject().as_str(), "emboflow.notice.trigger");
    }
}
