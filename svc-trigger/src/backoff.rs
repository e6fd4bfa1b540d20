//! Waits that grow while something is down.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const CAP: Duration = Duration::from_secs(10);

/// Doubles from 100 ms up to 10 s.
#[derive(Debug)]
pub(crate) struct Backoff(Duration);

impl Backoff {
    pub(crate) const fn new() -> Self {
        Self(FIRST)
    }

    /// Waits, and longer the next time.
    pub(crate) async fn wait(&mut self) {
        let now = self.0;
        self.0 = (now * 2).min(CAP);
        tokio::time::sleep(now).await;
    }

    pub(crate) fn reset(&mut self) {
        self.0 = FIRST;
    }
}
