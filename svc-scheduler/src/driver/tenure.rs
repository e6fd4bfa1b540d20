//! How long this scheduler may take for granted that no other one decides.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The time up to which nobody else takes the lease, by the monotonic clock. Without a lease, none.
#[derive(Debug, Default)]
pub(crate) struct Tenure(AtomicU64);

impl Tenure {
    /// From now on it holds up to `until`.
    pub(super) fn set(&self, until: Duration) {
        self.0.store(u64::try_from(until.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whether it holds at `now`. When it does not, another scheduler may have decided meanwhile: only the log tells.
    pub(super) fn holds(&self, now: Duration) -> bool {
        now.as_millis() < u128::from(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_taken_for_granted_without_a_lease_or_after_its_time() {
        let tenure = Tenure::default();
        assert!(!tenure.holds(Duration::ZERO));
        tenure.set(Duration::from_secs(6));
        assert!(tenure.holds(Duration::from_millis(5_999)) && !tenure.holds(Duration::from_secs(6)));
        tenure.set(Duration::ZERO);
        assert!(!tenure.holds(Duration::ZERO));
    }
}
