//! How people are called.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The form of a user's name, as a regular expression.
pub const USER_NAME_PATTERN: &str = "^[a-z0-9][a-z0-9._@+-]{0,63}$";

/// The name that a user signs in with: one word, also an e-mail address. Upper-case letters are no part of it, so that
/// no two people have names that look the same.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(Arc<str>);

/// The text is not a user's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{text}' is not a user's name: it starts with a-z or 0-9, goes on with a-z, 0-9, '.', '_', '@', '+' or '-', and \
     has at most 64 characters"
)]
pub struct NotAUserName {
    /// The refused text, cut to 80 characters.
    pub text: String,
}

impl UserName {
    /// Checks the form and makes the name. Errors: [`NotAUserName`].
    pub fn new(text: impl AsRef<str>) -> Result<Self, NotAUserName> {
        let text = text.as_ref();
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_name = (1..=64).contains(&text.len())
            && text.bytes().next().is_some_and(plain)
            && text.bytes().all(|byte| plain(byte) || b"._@+-".contains(&byte));
        if is_name {
            Ok(Self(text.into()))
        } else {
            Err(NotAUserName { text: text.chars().take(80).collect() })
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for UserName {
    type Err = NotAUserName;

    fn from_str(text: &str) -> Result<Self, NotAUserName> {
        Self::new(text)
    }
}

impl Serialize for UserName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for UserName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::text::parsed(deserializer)
    }
}

impl JsonSchema for UserName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "UserName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": USER_NAME_PATTERN })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_name_is_one_word_of_small_letters() {
        for good in ["a", "anna.k", "anna+test@example.org", "7of9", &"a".repeat(64)] {
            assert!(UserName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "Anna", ".a", "a b", "a/b", "a:b", "ä", "a\n", &"a".repeat(65)] {
            assert!(UserName::new(bad).is_err(), "{bad:?}");
        }
    }
}
