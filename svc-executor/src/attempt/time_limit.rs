//! A task may run for so long and no longer.

use std::time::Duration;

use emboflow_model::Timestamp;

use super::{Attempt, now};
use crate::machine;
use crate::runtime::Seen;

impl Attempt {
    /// Ends when the task has run as long as it may.
    pub(super) async fn overdue(&self) {
        let Some(limit_ms) = self.start.spec.timeouts.run_ms else { return std::future::pending().await };
        let left = Duration::from_millis(limit_ms).saturating_sub(self.ran().await);
        tokio::time::sleep(left).await;
    }

    /// How long it has run. The machine's count of its own time is asked first: a wall clock can have been set since.
    async fn ran(&self) -> Duration {
        if self.marks.times.started_at.is_some() {
            return Duration::ZERO;
        }
        if let Some(ran) = self.marks.ran_since(machine::boot_id(), machine::uptime_ms()) {
            return ran;
        }
        match self.look().await {
            Seen::Running { started_at: Some(at) } => {
                Duration::from_millis(now().ms_since(Timestamp(at.0.min(now().0))))
            }
            _ => Duration::ZERO,
        }
    }
}
