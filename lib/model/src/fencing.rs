//! The times of fencing: when an executor that cannot reach the platform ends its exclusive attempts, and when the
//! scheduler may rely on it. All of them follow from one setting of the scheduler, `policy.lost_after_ms`, so that they
//! fit together by construction.
//!
//! An executor renews the right to run an exclusive attempt by its claim. Counted from the *sending* of the last claim
//! that was granted, it asks the program to end ([`Fencing::stop_ms`]), kills it ([`Fencing::kill_ms`]), and nothing of it
//! runs any more ([`Fencing::gone_ms`]). The scheduler counts from the granting of the same claim, which is later, and
//! gives the task away after the whole of `lost_after_ms`, which is longer.

/// How often the right is renewed within the time for which it is good.
const RENEWALS: u64 = 10;

/// When an executor acts that cannot renew an exclusive attempt: milliseconds from the sending of the last claim that was
/// granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fencing {
    /// The program is asked to end.
    pub stop_ms: u64,
    /// It is killed.
    pub kill_ms: u64,
    /// It has ended.
    pub gone_ms: u64,
}

/// For how many milliseconds a granted claim is good for an exclusive attempt, when the scheduler takes an executor for
/// lost after `lost_after_ms`: five sixths. The rest is the scheduler's margin.
pub const fn good_for_ms(lost_after_ms: u64) -> u64 {
    lost_after_ms / 6 * 5
}

/// How many milliseconds there are between two renewals of a claim that is good for `good_for_ms`.
pub const fn renewed_each_ms(good_for_ms: u64) -> u64 {
    good_for_ms / RENEWALS
}

impl Fencing {
    /// The times for a claim that is good for `good_for_ms`, and a program that may take `grace_ms` to end. A tenth is
    /// for the kill to work; the grace is cut to half of the time, so that a short silence ends nothing.
    pub fn of(good_for_ms: u64, grace_ms: u64) -> Self {
        let kill_ms = good_for_ms - good_for_ms / 10;
        Self { stop_ms: kill_ms - grace_ms.min(good_for_ms / 2), kill_ms, gone_ms: good_for_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_default_a_silence_of_half_a_minute_ends_nothing_and_all_is_over_before_the_scheduler_acts() {
        let good_for_ms = good_for_ms(60_000);
        let fencing = Fencing::of(good_for_ms, 10_000);
        assert_eq!(fencing, Fencing { stop_ms: 35_000, kill_ms: 45_000, gone_ms: 50_000 });
        assert_eq!(renewed_each_ms(good_for_ms), 5_000);
    }

    #[test]
    fn whatever_the_settings_the_times_follow_each_other() {
        for lost_after_ms in [0, 1, 5, 6, 59, 3_000, 60_000, 86_400_000, u64::MAX] {
            for grace_ms in [0, 1, 10_000, 3_600_000, u64::MAX] {
                let good_for_ms = good_for_ms(lost_after_ms);
                let Fencing { stop_ms, kill_ms, gone_ms } = Fencing::of(good_for_ms, grace_ms);
                assert!(stop_ms <= kill_ms && kill_ms <= gone_ms && gone_ms <= lost_after_ms);
                assert!(stop_ms >= 3 * renewed_each_ms(good_for_ms), "one renewal may be lost, or two");
            }
        }
    }
}
