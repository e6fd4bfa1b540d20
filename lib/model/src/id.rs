//! Ids as types: a run, a task of a run, an attempt of a task.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Timestamp;
use crate::name::{NotAName, TaskName};

/// Crockford's base 32 in lower case: no i, l, o, u.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// The value of each byte that is a digit.
const VALUES: [Option<u8>; 256] = {
    let (mut values, mut value) = ([None; 256], 0);
    while value < ALPHABET.len() {
        values[ALPHABET[value] as usize] = Some(value as u8);
        value += 1;
    }
    values
};
const RUN_PREFIX: &str = "run-";
const RUN_DIGITS: usize = 26;

/// The text is not an id of this kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not {kind}, which looks like {example}")]
pub struct NotAnId {
    /// The refused text, cut to 80 characters.
    pub text: String,
    /// What was expected, with its article.
    pub kind: &'static str,
    /// A valid example.
    pub example: &'static str,
}

impl NotAnId {
    fn new(text: &str, kind: &'static str, example: &'static str) -> Self {
        Self { text: text.chars().take(80).collect(), kind, example }
    }
}

/// One run. 128 bits; made from a UUIDv7, so ids sort by the time they were made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(u128);

impl RunId {
    /// The id with these bits (randomness and time belong to the caller).
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// The 128 bits.
    pub const fn bits(self) -> u128 {
        self.0
    }

    /// When it was made, to the millisecond: the first 48 bits of a UUIDv7 (RFC 9562, section 5.7).
    pub const fn made_at(self) -> Timestamp {
        Timestamp((self.0 >> 80) as i64)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0u8; RUN_PREFIX.len() + RUN_DIGITS];
        let (prefix, digits) = text.split_at_mut(RUN_PREFIX.len());
        prefix.copy_from_slice(RUN_PREFIX.as_bytes());
        let mut rest = self.0;
        for digit in digits.iter_mut().rev() {
            *digit = ALPHABET[(rest & 31) as usize];
            rest >>= 5;
        }
        f.write_str(std::str::from_utf8(&text).expect("the alphabet is ASCII"))
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RunId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let refuse = || NotAnId::new(text, "a run id", "run-01jd8v7m2kq3x5w9c0hn4tz6ap");
        let digits = text.strip_prefix(RUN_PREFIX).ok_or_else(refuse)?.as_bytes();
        // 26 digits hold 130 bits: the first may only be 0-7.
        if digits.len() != RUN_DIGITS || digits[0] > b'7' {
            return Err(refuse());
        }
        digits
            .iter()
            .try_fold(0u128, |bits, digit| {
                let value = VALUES[usize::from(*digit)].ok_or_else(refuse)?;
                Ok((bits << 5) | u128::from(value))
            })
            .map(Self)
    }
}

/// A task of a run: the TaskSpec's name, and the index in a fan-out. Shown as `train` or `train[3]`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskKey {
    /// The TaskSpec.
    pub name: TaskName,
    /// The place in the fan-out, from 0; none when the spec has no matrix.
    pub index: Option<u32>,
}

impl TaskKey {
    /// The task of a spec without a matrix.
    pub fn single(name: TaskName) -> Self {
        Self { name, index: None }
    }

    /// The `index`-th task of a fan-out.
    pub fn indexed(name: TaskName, index: u32) -> Self {
        Self { name, index: Some(index) }
    }

    /// The key as one token for subjects, object keys and container names: `train` or `train_3`.
    pub fn token(&self) -> String {
        match self.index {
            None => self.name.to_string(),
            Some(index) => format!("{}_{index}", self.name),
        }
    }

    /// Reads [`TaskKey::token`] back. Errors: [`NotAnId`].
    pub fn from_token(token: &str) -> Result<Self, NotAnId> {
        let refuse = || NotAnId::new(token, "a task token", "train_3");
        let (name, index) = match token.split_once('_') {
            None => (token, None),
            Some((name, index)) => (name, Some(parse_index(index).ok_or_else(refuse)?)),
        };
        let name = TaskName::new(name).map_err(|NotAName { .. }| refuse())?;
        Ok(Self { name, index })
    }
}

/// A canonical index: no sign, no leading zero, so that a key has one spelling.
fn parse_index(text: &str) -> Option<u32> {
    let canonical = text == "0" || !text.starts_with('0');
    (canonical && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

impl fmt::Display for TaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            None => write!(f, "{}", self.name),
            Some(index) => write!(f, "{}[{index}]", self.name),
        }
    }
}

impl fmt::Debug for TaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TaskKey {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let refuse = || NotAnId::new(text, "a task key", "train or train[3]");
        let (name, index) = match text.strip_suffix(']') {
            None => (text, None),
            Some(open) => {
                let (name, index) = open.split_once('[').ok_or_else(refuse)?;
                (name, Some(parse_index(index).ok_or_else(refuse)?))
            }
        };
        let name = TaskName::new(name).map_err(|NotAName { .. }| refuse())?;
        Ok(Self { name, index })
    }
}

/// One try of a task: run, task and number (from 1, only growing). Shown as `<run>.<task token>.<number>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId {
    /// The run.
    pub run: RunId,
    /// The task.
    pub task: TaskKey,
    /// The number of the try, from 1.
    pub number: u32,
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.task.index {
            None => write!(f, "{}.{}.{}", self.run, self.task.name, self.number),
            Some(index) => write!(f, "{}.{}_{index}.{}", self.run, self.task.name, self.number),
        }
    }
}

impl fmt::Debug for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for AttemptId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let refuse = || NotAnId::new(text, "an attempt id", "run-01jd8v7m2kq3x5w9c0hn4tz6ap.train_3.1");
        let mut parts = text.split('.');
        let (Some(run), Some(task), Some(number), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(refuse());
        };
        Ok(Self {
            run: run.parse()?,
            task: TaskKey::from_token(task)?,
            number: parse_index(number).filter(|n| *n > 0).ok_or_else(refuse)?,
        })
    }
}

macro_rules! as_json_string {
    ($id:ident, $pattern:literal) => {
        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::text::parsed(deserializer)
            }
        }

        impl JsonSchema for $id {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($id).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}

as_json_string!(RunId, "^run-[0-7][0-9a-hjkmnp-tv-z]{25}$");
as_json_string!(TaskKey, "^[a-z][a-z0-9-]{0,62}(\\[(0|[1-9][0-9]{0,9})\\])?$");
as_json_string!(
    AttemptId,
    "^run-[0-7][0-9a-hjkmnp-tv-z]{25}\\.[a-z][a-z0-9-]{0,62}(_(0|[1-9][0-9]{0,9}))?\\.[1-9][0-9]{0,9}$"
);

#[cfg(test)]
mod tests {
    use super::*;

    fn run(bits: u128) -> RunId {
        RunId::from_bits(bits)
    }

    #[test]
    fn a_run_id_reads_back_for_any_bits() {
        for bits in [0, 1, u128::MAX, 0x0193_4c7e_0000_7000_8000_0000_0000_0001] {
            let text = run(bits).to_string();
            assert_eq!(text.len(), 30);
            assert_eq!(text.parse::<RunId>().unwrap(), run(bits));
        }
    }

    #[test]
    fn run_ids_sort_as_their_text_does() {
        assert!(run(5) < run(6) && run(5).to_string() < run(6).to_string());
        assert!(run(31) < run(32) && run(31).to_string() < run(32).to_string());
    }

    #[test]
    fn a_task_key_has_one_spelling() {
        for text in ["train", "train[0]", "train[31]"] {
            let key: TaskKey = text.parse().unwrap();
            assert_eq!(key.to_string(), text);
            assert_eq!(TaskKey::from_token(&key.token()).unwrap(), key);
        }
        for bad in
            ["train[]", "train[01]", "train[-1]", "train[+1]", "train]", "Train", "train[1", "a[99999999999]"]
        {
            assert!(bad.parse::<TaskKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_attempt_id_reads_back_and_starts_at_one() {
        let attempt = AttemptId { run: run(7), task: "train[3]".parse().unwrap(), number: 2 };
        assert_eq!(attempt.to_string().parse::<AttemptId>().unwrap(), attempt);
        let zeroth = attempt.to_string().replace(".2", ".0");
        assert!(zeroth.parse::<AttemptId>().is_err());
    }
}
