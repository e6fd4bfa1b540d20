//! Places where a test can make the process die. Each effect of the planner is one, so a new kind of effect cannot be
//! added without being killed at.

use std::sync::atomic::{AtomicU64, Ordering};

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

impl FailPoint {
    fn word(self) -> String {
        match self {
            Self::BeforeCommit => "before-commit".to_owned(),
            Self::AfterCommit => "after-commit".to_owned(),
            Self::Before(kind) => format!("before-{}", kind.word()),
            Self::BeforeReply => "before-reply".to_owned(),
            Self::BeforeSettle => "before-settle".to_owned(),
        }
    }
}

/// Every place by name; the system tests kill at each of them.
pub fn fail_points() -> Vec<String> {
    let effects = EffectKind::ALL.iter().map(|kind| FailPoint::Before(*kind));
    let others =
        [FailPoint::BeforeCommit, FailPoint::AfterCommit, FailPoint::BeforeReply, FailPoint::BeforeSettle];
    effects.chain(others).map(FailPoint::word).collect()
}

/// Which place is armed, and after how many visits it kills.
pub(super) struct FailPoints {
    armed: Option<(String, u64)>,
    visits: AtomicU64,
}

impl FailPoints {
    /// From `name:N` (die at the N-th visit, from 1); nothing is armed without it. Errors: no such place, no number.
    pub(super) fn parse(text: Option<&str>) -> anyhow::Result<Self> {
        let armed = match text {
            None => None,
            Some(text) => {
                let (name, visit) = text.split_once(':').unwrap_or((text, "1"));
                let known = fail_points();
                anyhow::ensure!(
                    known.iter().any(|known| known == name),
                    "no fail-point '{name}'; there are {known:?}"
                );
                Some((name.to_owned(), visit.parse()?))
            }
        };
        Ok(Self { armed, visits: AtomicU64::new(0) })
    }

    /// Dies here, at once and without a word, if this is the visit that was armed.
    pub(super) fn visit(&self, point: FailPoint) {
        let Some((name, nth)) = &self.armed else { return };
        if *name == point.word() && self.visits.fetch_add(1, Ordering::Relaxed) + 1 == *nth {
            std::process::abort();
        }
    }
}
