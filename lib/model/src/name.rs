//! Names that people choose: one token each, safe in subjects, object keys, file names and container labels.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Characters in a name at most.
pub const MAX_NAME_LENGTH: usize = 63;

/// The form of every name, as a regular expression.
pub const NAME_PATTERN: &str = "^[a-z][a-z0-9-]{0,62}$";

/// The text is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{text}' is not a name: a name starts with a letter a-z, goes on with a-z, 0-9 or '-', and has at most 63 characters"
)]
pub struct NotAName {
    /// The refused text, cut to 80 characters.
    pub text: String,
}

/// Whether the text has the form of a name.
pub fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() <= MAX_NAME_LENGTH
        && bytes.first().is_some_and(u8::is_ascii_lowercase)
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}

/// The form of a label's name, as a regular expression.
pub const LABEL_NAME_PATTERN: &str = "^[A-Za-z0-9._/-]{1,63}$";

/// Whether the text has the form of a label's name.
pub fn is_label_name(text: &str) -> bool {
    (1..=MAX_NAME_LENGTH).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte))
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the form and makes the name. Errors: [`NotAName`].
            pub fn new(text: impl AsRef<str>) -> Result<Self, NotAName> {
                let text = text.as_ref();
                if is_name(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(NotAName { text: text.chars().take(80).collect() })
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = NotAName;
            fn from_str(text: &str) -> Result<Self, NotAName> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::text::parsed(deserializer)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": NAME_PATTERN })
            }
        }
    };
}

name_type!(
    /// A tenant: owns workflows, runs, secrets, quotas and a storage prefix.
    ProjectName
);
name_type!(
    /// The name of a workflow inside its project.
    WorkflowName
);
name_type!(
    /// The name of a trigger inside its project.
    TriggerName
);
name_type!(
    /// The name of a notification inside its project.
    NotificationName
);
name_type!(
    /// The name of a secret inside its project.
    SecretName
);
name_type!(
    /// The name of a TaskSpec inside its workflow.
    TaskName
);
name_type!(
    /// A queue in which runs wait.
    QueueName
);
name_type!(
    /// Executors under one policy.
    PoolName
);
name_type!(
    /// One executor process; stable over restarts (it lives in the executor's data directory).
    ExecutorId
);
name_type!(
    /// A user of the platform's NATS server: a service, an executor, or a system outside.
    NatsUserName
);
name_type!(
    /// A program with an account of its own.
    ServiceName
);

impl Default for QueueName {
    /// The queue that always exists.
    fn default() -> Self {
        Self("default".into())
    }
}

impl QueueName {
    /// Whether it is the queue that always exists.
    pub fn is_default(&self) -> bool {
        self.as_str() == "default"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_safe_token() {
        for good in ["a", "train", "train-3", &"a".repeat(63)] {
            assert!(ProjectName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "3d", "-a", "Train", "a_b", "a.b", "a b", "a/b", "ä", &"a".repeat(64)] {
            assert!(ProjectName::new(bad).is_err(), "{bad}");
        }
    }
}
