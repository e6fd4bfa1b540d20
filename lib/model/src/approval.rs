//! A task that no container carries out: a person is asked, and decides.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::workflow::{InputSpec, OnTimeout};

/// Characters of an approval's message at most, with every expression evaluated.
pub const MAX_MESSAGE_CHARS: usize = 4_000;

/// What a person is asked, and what was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Approval {
    /// What the person reads.
    #[serde(flatten)]
    pub question: Question,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// What was decided; none while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}

/// What a person is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Question {
    /// In words; at most 4,000 characters.
    pub message: String,
    /// What the person fills in; the values are those of the task.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub inputs: IndexMap<String, InputSpec>,
    /// When nobody can decide any more; none: there is time for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// What happens then.
    #[serde(default, skip_serializing_if = "OnTimeout::is_default")]
    pub on_timeout: OnTimeout,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Decision {
    /// Approved, or rejected.
    pub approved: bool,
    /// Who: `user:anna`, `key:anna/<id>`, `service:ci`, `local`, or `nats:<project>` for a system that the project lets
    /// send requests. None: its time was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What they said to it; at most 1,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// When.
    pub at: Timestamp,
}

impl Approval {
    /// A question that nobody has answered.
    pub fn asked(question: Question, asked_at: Timestamp) -> Self {
        Self { question, asked_at, decision: None }
    }
}
