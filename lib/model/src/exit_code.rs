//! Exit codes of programs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Exit codes from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CodeRange {
    /// The least.
    pub first: u8,
    /// The greatest.
    pub last: u8,
}

impl CodeRange {
    /// Whether a code is one of them.
    pub fn contains(&self, code: i64) -> bool {
        (i64::from(self.first)..=i64::from(self.last)).contains(&code)
    }

    /// Whether a code is in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}
