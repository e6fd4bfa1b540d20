//! Cordons: an operator keeps new work away from an executor, and may want it empty.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// The kept document, named after the executor; while it is there, the executor is given no work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cordon {
    /// Why, for everybody who has to wait; 1 to 500 characters.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// Who has said so, such as `user:anna`.
    pub by: String,
    /// The executor is to become empty; none: what it has may take its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<Drain>,
}

/// An executor that is to become empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Drain {
    /// What is still open then is stopped and tried elsewhere; none: it is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
}

impl Cordon {
    /// Kind of the kept document; its scope is empty.
    pub const KIND: &str = "cordon";
    /// Characters of a reason at most.
    pub const REASON_MAX: usize = 500;
    /// A deadline is this far away at most: 30 days, in milliseconds.
    pub const DEADLINE_MAX_MS: u64 = 30 * 24 * 3_600_000;

    /// Reads the document. One that cannot be read is a cordon too: somebody has asked for it.
    pub fn read(body: &str) -> Self {
        serde_json::from_str(body).unwrap_or_else(|_| Self {
            reason: "the reason cannot be read".to_owned(),
            since: Timestamp(0),
            by: "unknown".to_owned(),
            drain: None,
        })
    }

    /// When what is still open is stopped; none: never.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.drain.as_ref().and_then(|drain| drain.deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_cannot_be_read_is_a_cordon_that_stops_nothing() {
        let drain = Some(Drain { deadline: Some(Timestamp(9)) });
        let kept = Cordon { reason: "new disks".into(), since: Timestamp(5), by: "user:anna".into(), drain };
        assert_eq!(Cordon::read(&serde_json::to_string(&kept).unwrap()), kept);
        assert_eq!(kept.deadline(), Some(Timestamp(9)));
        let odd = Cordon::read("{");
        assert!(odd.reason.contains("cannot be read") && odd.deadline().is_none());
    }
}
