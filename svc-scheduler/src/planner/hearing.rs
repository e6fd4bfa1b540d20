//! Whether executors can be heard: silence says something only of those who could have been.

use emboflow_model::Timestamp;

/// Since when everybody can be heard, or that nobody can.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hearing {
    is_deaf: bool,
    since: Timestamp,
}

impl Hearing {
    pub(super) fn is_deaf(self) -> bool {
        self.is_deaf
    }

    /// Since when one has been silent of whom was heard last at this moment.
    pub(super) fn silent_since(self, last_seen: Timestamp) -> Timestamp {
        last_seen.max(self.since)
    }

    /// Whether what was sent at this moment may never have come: whoever had taken it may have lost it when it fell.
    pub(super) fn may_have_lost(self, sent: Timestamp) -> bool {
        sent < self.since
    }

    /// Everybody can be heard from now on, or nobody.
    pub(super) fn becomes(&mut self, hears: bool, now: Timestamp) {
        if self.is_deaf && hears {
            self.since = now;
        }
        self.is_deaf = !hears;
    }
}
