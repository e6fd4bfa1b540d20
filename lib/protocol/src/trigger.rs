//! API → trigger service: start runs of a trigger now (core NATS request/reply). Answered once the requests are safely
//! taken.

use emboflow_model::{ProjectName, Timestamp, TriggerName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::FieldError;
use crate::message::{Message, Subject};

/// Times of one backfill at most.
pub const MAX_BACKFILL: usize = 1_000;

/// Start runs of a trigger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fire {
    /// The project.
    pub project: ProjectName,
    /// The trigger.
    pub trigger: TriggerName,
    /// What for.
    pub cause: FireCause,
}

/// What a trigger is fired for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum FireCause {
    /// Somebody tries it out, whether it is paused or not.
    Test {
        /// Makes two tries one and the same.
        token: String,
        /// What the expressions read as `event.data`.
        #[serde(default)]
        data: Value,
    },
    /// Every time of its table in a range, both ends included.
    Backfill {
        /// The first moment.
        from: Timestamp,
        /// The last moment.
        to: Timestamp,
    },
    /// A signed request to its webhook that has been checked.
    Hook {
        /// Names the request; one that comes again is the same.
        id: String,
        /// What the expressions read as `event`.
        event: Value,
    },
}

impl Message for Fire {
    fn subject(&self) -> Subject {
        Self::filter()
    }
}

impl Fire {
    /// The subject of all of them.
    pub fn filter() -> Subject {
        Subject::new(&[&"call", &"trigger", &"fire"])
    }
}

/// The answer to a [`Fire`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "fire", rename_all = "snake_case")]
pub enum FireAnswer {
    /// These requests are safely taken.
    Taken {
        /// Their idempotency keys.
        keys: Vec<String>,
        /// There are more times in the range; the next backfill begins after this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        more_after: Option<Timestamp>,
    },
    /// The same request has come before.
    Replayed {
        /// Its idempotency key.
        key: String,
    },
    /// Nothing was requested.
    Refused {
        /// Why.
        errors: Vec<FieldError>,
    },
}
