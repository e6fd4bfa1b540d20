//! How often and how soon a call is repeated.

use crate::{Error, Result};
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const DELAY_MAX: Duration = Duration::from_secs(5);

/// Repeats with a doubling, jittered delay of at most 5 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Attempts in sum; 1 repeats nothing.
    pub attempts: u32,
    /// Mean delay before the second attempt.
    pub first_delay: Duration,
}

impl Default for Retry {
    /// Six attempts within about three seconds.
    fn default() -> Self {
        Self { attempts: 6, first_delay: Duration::from_millis(100) }
    }
}

impl Retry {
    /// Calls until it succeeds, fails for good, or the attempts are used up.
    pub(crate) async fn run<T, F>(self, mut call: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut attempt = 1;
        loop {
            match call().await {
                Err(error) if attempt < self.attempts && is_worth_repeating(&error) => {
                    tracing::debug!(attempt, %error, "repeating a call to the storage gateway");
                    tokio::time::sleep(self.delay(attempt)).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    fn delay(self, attempt: u32) -> Duration {
        let mean = self.first_delay.saturating_mul(1 << (attempt - 1).min(16)).min(DELAY_MAX);
        // Between half and one and a half, so that many callers do not come back at once.
        let share = RandomState::new().hash_one(attempt) % 1000;
        (mean / 2 + mean.mul_f64(share as f64 / 1000.0)).min(DELAY_MAX)
    }
}

fn is_worth_repeating(error: &Error) -> bool {
    match error {
        Error::Unreachable { .. } => true,
        // A full disk does not empty itself within seconds; its caller decides how long to wait.
        Error::Refused { problem, .. } => matches!(problem.status, 429 | 500 | 502 | 503 | 504),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_with_jitter_up_to_a_limit() {
        let retry = Retry::default();
        for attempt in 1..100 {
            let mean = (100_u64 << (attempt - 1).min(16)).min(5_000);
            let delay = retry.delay(attempt).as_millis() as u64;
            assert!((mean / 2..=(mean * 3 / 2).min(5_000)).contains(&delay), "attempt {attempt}: {delay} ms");
        }
    }
}
