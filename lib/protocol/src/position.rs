//! Where a waiting task stands.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many starts come before that of a waiting task, as of now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Position {
    /// So many tasks or gangs come before it.
    pub ahead: u32,
    /// There are more: nobody counts further.
    #[serde(default, skip_serializing_if = "is_false")]
    pub or_more: bool,
    /// In which line it stands.
    pub line: Line,
    /// The line's name: a queue, a key, or a task of the file.
    pub of: String,
    /// What parties hold, and what fits, changes while others start: some of these may come after it, and others before.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_estimate: bool,
}

/// What waiting tasks stand in line for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// The executors of its pool, among the tasks of its queue.
    Queue,
    /// A concurrency key or a rate.
    Key,
    /// `max_parallel` of its own task of the file.
    Tasks,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field over so")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ahead, of, .. } = self;
        let line = match self.line {
            Line::Queue => format!("in queue {of}"),
            Line::Key => format!("at the key `{of}`"),
            Line::Tasks => format!("among the tasks of {of}"),
        };
        let come = if *ahead == 1 { "comes" } else { "come" };
        match (ahead, self.or_more, self.is_estimate) {
            (_, true, _) => write!(f, "more than {ahead} come before it {line}"),
            (0, _, false) => write!(f, "it is the next {line}"),
            (0, _, true) => write!(f, "it is about the next {line}"),
            (_, _, false) => write!(f, "{ahead} {come} before it {line}"),
            (_, _, true) => write!(f, "about {ahead} {come} before it {line}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_says_whether_it_is_an_estimate_and_in_which_line() {
        let at = |ahead, line, is_estimate| Position {
            ahead,
            or_more: false,
            line,
            of: "x".to_owned(),
            is_estimate,
        };
        assert_eq!(at(0, Line::Queue, false).to_string(), "it is the next in queue x");
        assert_eq!(at(1, Line::Queue, true).to_string(), "about 1 comes before it in queue x");
        assert_eq!(at(3, Line::Key, false).to_string(), "3 come before it at the key `x`");
        let many = Position { or_more: true, ..at(100, Line::Tasks, true) };
        assert_eq!(many.to_string(), "more than 100 come before it among the tasks of x");
    }
}
