//! The scheduler's time: the wall clock at the start, moved on by the monotonic clock, so that nobody who sets the wall
//! clock makes a timeout fire.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use emboflow_model::Timestamp;

/// A clock that only moves forward.
pub(super) struct Clock {
    started: Instant,
    wall_at_start_ms: i64,
}

impl Clock {
    /// Starts now; but never before `at_least`, so that records stay in order when the wall clock was set back.
    pub(super) fn start(at_least: Timestamp) -> Self {
        let wall_ms =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
        Self { started: Instant::now(), wall_at_start_ms: wall_ms.max(at_least.0) }
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp(self.wall_at_start_ms + self.started.elapsed().as_millis() as i64)
    }

    /// How long it is until then.
    pub(super) fn until(&self, at: Timestamp) -> Duration {
        Duration::from_millis(at.ms_since(self.now()))
    }
}
