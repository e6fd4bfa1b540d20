//! What the workflow file says about whose turn it is: concurrency by key, rates, priorities.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::field::Scalar;
use super::schema;

/// How many of one key there are at the same time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConcurrencySpec {
    /// What counts together in the project, such as `robot-${{ inputs.robot }}`; at most 200 characters.
    pub key: String,
    /// How many at most; 1 unless given.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 10_000))]
    pub limit: u32,
    /// What happens to one more. A task can only `queue`.
    #[serde(default)]
    pub policy: ConcurrencyPolicy,
}

/// What happens when there are as many of a key as there may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ConcurrencyPolicy {
    /// The new one waits for its turn.
    #[default]
    Queue,
    /// The new one is cancelled.
    CancelNewest,
    /// The oldest one is cancelled, and the new one starts when nothing of that runs any more.
    CancelOldest,
    /// The new one fails.
    Fail,
}

impl ConcurrencyPolicy {
    /// As in the file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::CancelNewest => "cancel_newest",
            Self::CancelOldest => "cancel_oldest",
            Self::Fail => "fail",
        }
    }
}

/// How many of one key start within a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateLimitSpec {
    /// What counts together in the project; at most 200 characters. The name of the workflow, or of workflow and task,
    /// unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// How many starts at most.
    #[schemars(range(min = 1, max = 10_000))]
    pub limit: u32,
    /// Within which time, from `1s` to `1h`.
    #[schemars(schema_with = "schema::duration")]
    pub per: Scalar,
}

const fn one() -> u32 {
    1
}

/// Priorities that have a word.
pub(super) const PRIORITIES: [(&str, i32); 3] = [("low", -100), ("normal", 0), ("high", 100)];

/// A priority as a number or as a word.
pub(super) fn priority<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i32>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Number(i32),
        Word(String),
    }
    Ok(match Option::<Given>::deserialize(deserializer)? {
        None => None,
        Some(Given::Number(number)) => Some(number),
        Some(Given::Word(word)) => {
            let known = PRIORITIES.iter().find(|(known, _)| *known == word);
            let unknown = || serde::de::Error::custom("a priority is a number, `low`, `normal` or `high`");
            Some(known.ok_or_else(unknown)?.1)
        }
    })
}
