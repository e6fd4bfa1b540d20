//! The audit: who did what, from where, with what result.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::ProjectName;
use crate::timestamp::Timestamp;

/// One line of the audit; it is never changed. It has no body, no query and no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditEntry {
    /// Unique; in the order of time.
    pub id: String,
    /// When the answer was known.
    pub at: Timestamp,
    /// Who: `user:anna`, `key:anna/<id>`, `service:ci`, `local`, or `nobody`.
    pub who: String,
    /// The client's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Method and route, such as `POST /api/v1/users`, or a word such as `sign-in`.
    pub action: String,
    /// The path, or the user that was named; cut to 300 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// The project that it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectName>,
    /// How it ended.
    pub result: AuditResult,
    /// The status of the answer.
    pub status: u16,
    /// The code of the refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Names the answer in the logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// How many attempts this line stands for: more than 1 where an address was refused too often to note each.
    pub count: u64,
}

/// How something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditResult {
    /// It was done.
    Ok,
    /// Who asked may not, or is not known.
    Denied,
    /// It was not done for another reason.
    Failed,
}

impl AuditResult {
    /// Every result.
    pub const ALL: [Self; 3] = [Self::Ok, Self::Denied, Self::Failed];

    /// The result that a status says.
    pub const fn of_status(status: u16) -> Self {
        match status {
            100..=399 => Self::Ok,
            401 | 403 | 404 | 429 => Self::Denied,
            _ => Self::Failed,
        }
    }

    /// The word in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }
}
