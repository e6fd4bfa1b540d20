//! Where the driver can be made to die. Each effect of the planner is a place, so a new kind of effect cannot be added
//! without being killed at.

use std::fmt;

use crate::planner::EffectKind;

/// A place in the driver's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailPoint {
    /// Decided, nothing stored.
    BeforeCommit,
    /// Stored, nothing told.
    AfterCommit,
    /// Before an effect of this kind is carried out.
    Before(EffectKind),
    /// Before the caller gets the answer.
    BeforeReply,
    /// Everything told, the message not settled.
    BeforeSettle,
}

impl fmt::Display for FailPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BeforeCommit => f.write_str("before-commit"),
            Self::AfterCommit => f.write_str("after-commit"),
            Self::Before(kind) => write!(f, "before-{}", kind.word()),
            Self::BeforeReply => f.write_str("before-reply"),
            Self::BeforeSettle => f.write_str("before-settle"),
        }
    }
}

/// Every place by name; the system tests kill at each of them.
pub fn fail_points() -> Vec<String> {
    let effects = EffectKind::ALL.iter().map(|kind| FailPoint::Before(*kind));
    let others =
        [FailPoint::BeforeCommit, FailPoint::AfterCommit, FailPoint::BeforeReply, FailPoint::BeforeSettle];
    effects.chain(others).map(|place| place.to_string()).collect()
}
