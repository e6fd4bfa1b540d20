//! Waits that grow to a cap.

use std::time::Duration;

/// Doubles from `first` up to `cap`; the first wait of all is `first`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    cap: Duration,
    next: Duration,
}

impl Backoff {
    pub(crate) const fn new(first: Duration, cap: Duration) -> Self {
        Self { first, cap, next: first }
    }

    /// The wait for now; the one after it is twice as long.
    pub(crate) fn step(&mut self) -> Duration {
        let now = self.next;
        self.next = (now * 2).min(self.cap);
        now
    }

    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

/// Nobody works while the connection is lost, so that the server's return is to be noticed soon.
const RECONNECTS_EACH: Duration = Duration::from_millis(500);

/// The wait before connecting for the `attempt`th time since the connection was lost (from 1): at once, then from
/// 20 ms doubling up to half a second.
pub(crate) fn before_attempt(attempt: usize) -> Duration {
    match u32::try_from(attempt).unwrap_or(u32::MAX) {
        0 | 1 => Duration::ZERO,
        attempt => Duration::from_millis(20 << (attempt - 2).min(10)).min(RECONNECTS_EACH),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_attempt_is_at_once_and_the_last_ones_are_half_a_second_apart() {
        assert_eq!(before_attempt(1), Duration::ZERO);
        assert_eq!(before_attempt(2), Duration::from_millis(20));
        assert_eq!(before_attempt(3), Duration::from_millis(40));
        assert_eq!(before_attempt(usize::MAX), Duration::from_millis(500));
    }

    #[test]
    fn a_backoff_doubles_to_its_cap_and_starts_over_after_a_reset() {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(150));
        let waits: Vec<_> = (0..4).map(|_| backoff.step().as_millis()).collect();
        assert_eq!(waits, [50, 100, 150, 150]);
        backoff.reset();
        assert_eq!(backoff.step().as_millis(), 50);
    }
}
