//! Ending a container: its signal, grace, kill, and the certainty that it is gone.

use std::time::Duration;

use super::{Attempt, ENGINE_PAUSE};
use crate::runtime::Seen;

/// How long a killed container may take to end.
const AFTER_KILL: Duration = Duration::from_secs(10);
const KILL: &str = "SIGKILL";

impl Attempt {
    /// Returns when the container does not run any more, however long that takes.
    pub(super) async fn stop_container(&self) -> Seen {
        let stop = &self.start.spec.stop;
        self.signal(&stop.signal).await;
        let mut left = Duration::from_millis(stop.grace_ms);
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
        let gone = async {
            if self.executor.runtime.wait(&self.id).await.is_err() {
                tokio::time::sleep(ENGINE_PAUSE).await;
            }
        };
        let _either = tokio::time::timeout(limit, gone).await;
        match self.look().await {
            Seen::Running { .. } | Seen::Created => None,
            seen => Some(seen),
        }
    }
}
