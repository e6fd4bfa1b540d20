//! How long a task waits before its next attempt.

use emboflow_model::AttemptId;

/// Doubling pause after the `failures`-th failure (from 1), at most `max_ms`, with up to a quarter taken off by jitter.
///
/// The jitter is a hash of the attempt's id, so that a thousand tasks that failed together do not return together and
/// the planner still needs no randomness.
pub(super) fn exponential_ms(base_ms: u64, max_ms: u64, failures: u32, attempt: &AttemptId) -> u64 {
    let doubled = base_ms.saturating_mul(1u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX));
    jittered(doubled.min(max_ms), attempt)
}

/// The pause with up to a quarter taken off.
pub(super) fn jittered(pause_ms: u64, attempt: &AttemptId) -> u64 {
    let quarter = pause_ms / 4;
    pause_ms - if quarter == 0 { 0 } else { fnv1a(attempt.to_string().as_bytes()) % (quarter + 1) }
}

/// FNV-1a, 64 bits: spreads well enough for jitter, and is the same on every machine and version.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use emboflow_model::RunId;

    fn attempt(number: u32) -> AttemptId {
        AttemptId { run: RunId::from_bits(7), task: "train[3]".parse().unwrap(), number }
    }

    #[test]
    fn the_pause_doubles_up_to_the_limit_and_jitter_takes_at_most_a_quarter() {
        for (failures, full) in [(1, 1_000), (2, 2_000), (5, 16_000), (40, 30_000), (200, 30_000)] {
            let pause = exponential_ms(1_000, 30_000, failures, &attempt(failures));
            assert!(pause <= full && pause >= full - full / 4, "{failures}: {pause}");
        }
    }

    #[test]
    fn two_attempts_do_not_return_at_the_same_moment() {
        let pauses: std::collections::HashSet<_> = (1..50).map(|n| jittered(60_000, &attempt(n))).collect();
        assert!(pauses.len() > 40);
    }
}
