//! What can be wrong with a configuration, in words for the person who wrote it.

use std::fmt::Display;
use std::path::PathBuf;

/// A configuration that cannot be used; the message names the key and where it was set.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is missing or unreadable.
    #[error("cannot read {path}: {source}", path = path.display())]
    Unreadable {
        /// The configuration or secret file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{path}: {message}", path = path.display())]
    Syntax {
        /// The configuration file.
        path: PathBuf,
        /// Line, column and what was expected.
        message: String,
    },
    /// Nothing in the configuration is called so.
    #[error("unknown key `{key}` ({origin}){}", suggestion(nearest.as_deref(), known))]
    UnknownKey {
        /// The dotted key.
        key: String,
        /// The layer that set it.
        origin: String,
        /// The most similar known key.
        nearest: Option<String>,
        /// Every key that is known there.
        known: Vec<String>,
    },
    /// The value does not fit its key.
    #[error("`{key}`{}: {message}", origin.as_ref().map(|origin| format!(" ({origin})")).unwrap_or_default())]
    Invalid {
        /// The dotted key.
        key: String,
        /// The layer that set it, where one did.
        origin: Option<String>,
        /// What was expected.
        message: String,
    },
    /// A key without a default was not set.
    #[error("`{key}` is not set: put it into the file, or set {variable}")]
    Missing {
        /// The dotted key.
        key: String,
        /// The environment variable that would set it.
        variable: String,
    },
    /// Two settings of one layer contradict each other.
    #[error("`{key}` is set twice: by {first} and by {second}")]
    SetTwice {
        /// The dotted key.
        key: String,
        /// One place.
        first: String,
        /// The other place.
        second: String,
    },
    /// The command line is not understood.
    #[error("{message}")]
    Arguments {
        /// What is wrong with it.
        message: String,
    },
}

fn suggestion(nearest: Option<&str>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!(": did you mean `{nearest}`?"),
        None => format!("; known here: {}", known.join(", ")),
    }
}

impl ConfigError {
    pub(super) fn invalid(message: impl Display) -> Self {
        Self::Invalid { key: String::new(), origin: None, message: message.to_string() }
    }

    /// Adds the outer part of the dotted key while an error travels up.
    pub(super) fn under(mut self, parent: &str, set_by: &str) -> Self {
        match &mut self {
            Self::UnknownKey { key, nearest, .. } => {
                *key = join(parent, key);
                if let Some(nearest) = nearest {
                    *nearest = join(parent, nearest);
                }
            }
            Self::Invalid { key, origin, .. } => {
                *key = join(parent, key);
                origin.get_or_insert_with(|| set_by.to_owned());
            }
            Self::Missing { key, variable } => {
                *key = join(parent, key);
                *variable = variable_of(key);
            }
            Self::SetTwice { key, .. } => *key = join(parent, key),
            _ => {}
        }
        self
    }
}

fn join(parent: &str, key: &str) -> String {
    if key.is_empty() { parent.to_owned() } else { format!("{parent}.{key}") }
}

/// The environment variable that sets a dotted key.
pub(super) fn variable_of(key: &str) -> String {
    format!("{}{}", super::layers::PREFIX, key.replace('.', "__").to_uppercase())
}

impl serde::de::Error for ConfigError {
    fn custom<T: Display>(message: T) -> Self {
        Self::invalid(message)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing { key: field.to_owned(), variable: variable_of(field) }
    }
}
