//! Waiting lifts a task: after 2,001 points even the least priority is above the greatest of what is new.

use emboflow_model::Timestamp;

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
        let points = self.now.ms_since(since).checked_div(self.step_ms).unwrap_or(0);
        i64::from(priority).saturating_add_unsigned(points)
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
        assert_eq!(after(2_000).effective(-1_000, since), 1_000);
        assert_eq!(after(2_001).effective(-1_000, since), 1_001);
        let never = Aging { now: Timestamp(i64::MAX / 2), step_ms: 0 };
        assert_eq!(never.effective(7, since), 7);
    }
}
