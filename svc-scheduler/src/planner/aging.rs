//! Waiting lifts a task: what has waited long enough comes first, whatever its priority.

use emboflow_model::Timestamp;

/// From the least priority to the greatest, and one more: with so many points nothing new is before.
pub(super) const POINTS_UNTIL_OVERDUE: i64 = 2_001;

/// How priorities grow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aging {
    pub(super) now: Timestamp,
    /// Milliseconds of waiting that count for a point of priority; 0 = priorities stay.
    pub(super) step_ms: u64,
}

impl Aging {
    /// The priority that counts.
    pub(super) fn effective(self, priority: i32, since: Timestamp) -> i64 {
        i64::from(priority) + self.points(since)
    }

    /// Whether it has waited so long that its queue starts nothing before it but what has waited longer.
    pub(super) fn is_overdue(self, since: Timestamp) -> bool {
        self.points(since) >= POINTS_UNTIL_OVERDUE
    }

    fn points(self, since: Timestamp) -> i64 {
        let points = self.now.ms_since(since).checked_div(self.step_ms).unwrap_or(0);
        i64::try_from(points).unwrap_or(i64::MAX).min(POINTS_UNTIL_OVERDUE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_priority_passes_the_greatest_when_it_has_waited_for_all_points() {
        let since = Timestamp(0);
        let after = |points: i64| Aging { now: Timestamp(points * 10_000), step_ms: 10_000 };
        assert_eq!(after(3).effective(-1_000, since), -997);
        assert!(!after(2_000).is_overdue(since));
        assert!(after(2_001).is_overdue(since));
        assert!(after(2_001).effective(-1_000, since) > 1_000);
        let never = Aging { now: Timestamp(i64::MAX / 2), step_ms: 0 };
        assert!(!never.is_overdue(since) && never.effective(7, since) == 7);
    }
}
