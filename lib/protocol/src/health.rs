//! How well everything is: the question to all services, and the tree that the API makes of their answers.

use emboflow_model::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::message::{Message, Subject};

/// How is everybody? Every service that hears it answers with a [`ServiceHealth`]; whoever does not answer is away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AskHealth {}

impl Message for AskHealth {
    fn subject(&self) -> Subject {
        Self::filter()
    }
}

impl AskHealth {
    /// The subject of the question.
    pub fn filter() -> Subject {
        Subject::new(&[&"call", &"health"])
    }
}

/// How well something is, from well to badly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// As it should be.
    #[default]
    Ok,
    /// It works, and somebody should look at it before it does not.
    Warning,
    /// It does not work.
    Failed,
}

impl HealthStatus {
    /// The name that it has in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

/// What one service says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceHealth {
    /// Name of the service, such as `scheduler`.
    pub service: String,
    /// Tells it from others of its kind: an executor's id, otherwise the name of the machine or container.
    pub instance: String,
    /// Its version.
    pub version: String,
    /// Its clock when it was asked, in milliseconds since 1970.
    pub asked_at_ms: i64,
    /// Its clock when it answered, in milliseconds since 1970.
    pub answered_at_ms: i64,
    /// What it looked at.
    pub looks: Vec<HealthLook>,
}

/// One thing that a service looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HealthLook {
    /// Its name, such as `records` or `disk workspaces`.
    pub name: String,
    /// How well it is.
    pub status: HealthStatus,
    /// What was found, in words.
    pub reason: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// How long the look took.
    #[serde(default)]
    pub latency_ms: u64,
}

/// Answer of `GET /api/v1/system/health`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HealthView {
    /// When this was found.
    pub at: Timestamp,
    /// The worst of all.
    pub status: HealthStatus,
    /// The API's version, which the others are compared with.
    pub version: String,
    /// The parts of the installation.
    pub parts: Vec<HealthNode>,
}

/// A part of the installation, and what it consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HealthNode {
    /// Its name, such as `scheduler` or `disk objects`.
    pub name: String,
    /// How well it is: its own state, or the worst of what it consists of.
    pub status: HealthStatus,
    /// What was found, in words.
    pub reason: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// How long the look took; none where nothing was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// What it consists of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<HealthNode>,
}

impl HealthNode {
    /// A part that was not asked itself; its state is that of what it consists of.
    pub fn of_parts(name: impl Into<String>, reason: impl Into<String>, parts: Vec<HealthNode>) -> Self {
        let status = parts.iter().map(|part| part.status).max().unwrap_or_default();
        Self { name: name.into(), status, reason: reason.into(), hint: None, latency_ms: None, parts }
    }

    /// A part that consists of nothing else.
    pub fn leaf(name: impl Into<String>, status: HealthStatus, reason: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            status,
            reason: reason.into(),
            hint: None,
            latency_ms: None,
            parts: Vec::new(),
        }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl From<HealthLook> for HealthNode {
    fn from(look: HealthLook) -> Self {
        Self {
            hint: look.hint,
            latency_ms: Some(look.latency_ms),
            ..Self::leaf(look.name, look.status, look.reason)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_as_well_as_the_worst_of_what_it_consists_of() {
        let parts = [HealthStatus::Ok, HealthStatus::Failed, HealthStatus::Warning];
        let parts = parts.map(|status| HealthNode::leaf("x", status, "")).to_vec();
        assert_eq!(HealthNode::of_parts("all", "", parts).status, HealthStatus::Failed);
        assert_eq!(HealthNode::of_parts("none", "", Vec::new()).status, HealthStatus::Ok);
    }
}
