//! Secrets of a project: what the records keep of one, and what may be a value.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// The kind of the kept documents.
pub const KIND: &str = "secret";
/// Bytes of a value at most.
pub const VALUE_BYTES_MAX: usize = 16 * 1024;
/// Bytes of the values of all secrets of a task at most: they travel in one message, and its log is searched for them.
pub const TASK_BYTES_MAX: usize = 64 * 1024;

/// Secrets of one project at most.
pub const MAX_OF_PROJECT: usize = 1_000;

/// A secret in the records. Its value is sealed, and nobody but the scheduler ever opens it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptSecret {
    /// Counts the values that it has had, from 1.
    pub version: u64,
    /// The value that it has now.
    pub sealed: Sealed,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When it got its value.
    pub changed_at: Timestamp,
    /// From whom.
    pub changed_by: String,
}

/// A sealed value. It opens only with its key, in its own place and version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Which key seals it.
    pub key: String,
    /// Base64 of the number that is used once.
    pub nonce: String,
    /// Base64 of the ciphertext.
    pub ciphertext: String,
}

/// Whether a text can be a secret's value. Errors: what is wrong with it; the value is not in the words.
pub fn check_value(value: &str) -> Result<(), String> {
    let bytes = value.len();
    if bytes == 0 {
        return Err("the value is empty".to_owned());
    }
    if bytes > VALUE_BYTES_MAX {
        return Err(format!("the value has {bytes} bytes; a secret has at most {VALUE_BYTES_MAX}"));
    }
    let is_odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    match value.chars().position(is_odd) {
        None => Ok(()),
        Some(at) => Err(format!(
            "character {} of the value is a control character, which no environment takes; encode it as base64",
            at + 1
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_text_that_a_program_can_be_given() {
        for good in ["x", "s\u{e9}cret", "-----BEGIN KEY-----\nabc\r\n\tdef\n", &"v".repeat(VALUE_BYTES_MAX)]
        {
            assert_eq!(check_value(good), Ok(()));
        }
        for bad in ["", "a\0b", "esc\u{1b}", &"v".repeat(VALUE_BYTES_MAX + 1)] {
            let why = check_value(bad).unwrap_err();
            assert!(bad.is_empty() || !why.contains(bad), "the value is not told: {why}");
        }
    }
}
