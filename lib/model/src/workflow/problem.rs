//! What is wrong, where, why, and what to do about it.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

/// One thing that is wrong with a workflow file, with the inputs of a run, or with an expression when it is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Problem {
    /// Stable code, such as `workflow.unknown_field`; the list is [`super::code::ALL`].
    pub code: &'static str,
    /// What is wrong and why.
    pub message: String,
    /// What to do about it, such as "did you mean `image`?".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Line in the file, from 1; 0 where the problem is not in the file (a given input).
    pub line: u32,
    /// Column in characters, from 1; 0 where the problem is not in the file.
    pub column: u32,
    /// JSON pointer to the value.
    pub pointer: String,
    /// The source line with its number, and a line that underlines the place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snippet: Option<String>,
}

impl Problem {
    /// A problem that is not in the file.
    pub(super) fn elsewhere(code: &'static str, pointer: String, message: String) -> Self {
        Self { code, message, hint: None, line: 0, column: 0, pointer, snippet: None }
    }

    /// The same problem with advice.
    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same problem with advice if there is some.
    pub(super) fn with_some_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// The problem as people read it in a terminal: `file:line:column`, message, snippet, hint.
    pub fn report(&self, file: &str) -> String {
        let mut text = match self.line {
            0 => format!("error[{}]: {}\n", self.code, self.message),
            _ => format!("{file}:{}:{}: error[{}]: {}\n", self.line, self.column, self.code, self.message),
        };
        if let Some(snippet) = &self.snippet {
            text.push_str(snippet);
            text.push('\n');
        }
        if let Some(hint) = &self.hint {
            text.push_str("  help: ");
            text.push_str(hint);
            text.push('\n');
        }
        text
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{} at {}", self.message, self.pointer)?,
            _ => write!(f, "line {}, column {}: {}", self.line, self.column, self.message)?,
        }
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Problem {}
