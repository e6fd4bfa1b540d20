//! Ending a container: its signal, grace, kill, and the certainty that it is gone.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{Attempt, ENGINE_PAUSE, SETTLING};
use crate::runtime::Seen;

/// How long a killed container may take to end.
const AFTER_KILL: Duration = Duration::from_secs(10);
const KILL: &str = "SIGKILL";

impl Attempt {
    /// Returns when the container does not run any more, however long that takes. `at_once`: without a grace.
    pub(super) async fn stop_container(&self, at_once: bool) -> Seen {
        let stop = &self.start.spec.stop;
        self.signal(if at_once { KILL } else { &stop.signal }).await;
        let grace = Duration::from_millis(stop.grace_ms);
        // Of one whose right to run is over, no more than is left of it.
        let left = self.right.as_ref().filter(|right| right.look()).and_then(|right| right.killed_in());
        let grace = left.map_or(grace, |left| grace.min(left));
        let mut left = if at_once { AFTER_KILL } else { grace };
        loop {
            if let Some(seen) = self.gone_within(left).await {
                return seen;
            }
            self.signal(KILL).await;
            left = AFTER_KILL;
        }
    }

    async fn signal(&self, signal: &str) {
        if let Err(error) = self.executor.runtime.signal(&self.id, signal).await {
            // A signal that the engine does not know must not save a task from the kill.
            tracing::warn!(attempt = %self.id, %error, signal, "a signal could not be sent");
        }
    }

    async fn gone_within(&self, limit: Duration) -> Option<Seen> {
        let until = Instant::now() + limit;
        loop {
            let broken = matches!(timeout_at(until, self.executor.runtime.wait(&self.id)).await, Ok(Err(_)));
            match self.look().await {
                Seen::Running { .. } if Instant::now() >= until => return None,
                Seen::Running { .. } => {
                    // A wait that broke off, or told it a moment early, takes nothing of the grace.
                    let pause = if broken { ENGINE_PAUSE } else { SETTLING };
                    tokio::time::sleep_until(until.min(Instant::now() + pause)).await;
                }
                seen => return Some(seen),
            }
        }
    }
}
