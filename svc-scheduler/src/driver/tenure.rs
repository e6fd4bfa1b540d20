//! How long this scheduler may take for granted that no other one decides.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long nobody else takes the lease, by the monotonic clock. Without a lease, no time at all.
#[derive(Debug, Default)]
pub(crate) struct Tenure {
    /// In milliseconds.
    until: AtomicU64,
    /// Since when it has held without a break that somebody else could have used. In milliseconds.
    alone_since: AtomicU64,
}

impl Tenure {
    /// The lease was kept at `kept_at`, and is trusted in for a while. One that had lapsed may have been another's, who
    /// trusted in it for as long.
    pub(crate) fn keep(&self, kept_at: Duration, trusted: Duration) {
        let until = millis(kept_at + trusted);
        if millis(kept_at) >= self.until.load(Ordering::Relaxed) {
            self.alone_since.store(until, Ordering::Relaxed);
        }
        self.until.store(until, Ordering::Relaxed);
    }

    /// The lease is given up.
    pub(super) fn end(&self) {
        self.until.store(0, Ordering::Relaxed);
    }

    /// Whether it holds at `now`. When it does not, another scheduler may have decided meanwhile: only the log tells.
    pub(super) fn holds(&self, now: Duration) -> bool {
        millis(now) < self.until.load(Ordering::Relaxed)
    }

    /// Since when nobody else has trusted in the lease, which may be a moment to come; none: somebody may at `now`.
    pub(super) fn alone_since(&self, now: Duration) -> Option<Duration> {
        self.holds(now).then(|| Duration::from_millis(self.alone_since.load(Ordering::Relaxed)))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUSTED: Duration = Duration::from_secs(6);

    #[test]
    fn nothing_is_taken_for_granted_without_a_lease_or_after_its_time() {
        let tenure = Tenure::default();
        assert!(!tenure.holds(Duration::ZERO));
        tenure.keep(Duration::from_secs(1), TRUSTED);
        assert!(tenure.holds(Duration::from_millis(6_999)) && !tenure.holds(Duration::from_secs(7)));
        tenure.end();
        assert!(!tenure.holds(Duration::ZERO));
    }

    #[test]
    fn one_before_may_have_trusted_in_the_lease_for_as_long_after_every_break() {
        let (tenure, at) = (Tenure::default(), Duration::from_secs);
        tenure.keep(at(10), TRUSTED);
        for kept_at in [12, 14, 19] {
            tenure.keep(at(kept_at), TRUSTED);
            assert_eq!(tenure.alone_since(at(kept_at)), Some(at(16)));
        }
        assert_eq!(tenure.alone_since(at(25)), None);
        tenure.keep(at(26), TRUSTED);
        assert_eq!(tenure.alone_since(at(26)), Some(at(32)));
        tenure.end();
        tenure.keep(at(27), TRUSTED);
        assert_eq!(tenure.alone_since(at(27)), Some(at(33)));
    }
}
