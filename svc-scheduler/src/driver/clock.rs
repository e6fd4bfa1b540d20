//! The scheduler's time: the wall clock at the start, moved on by the monotonic clock, so that nobody who sets the wall
//! clock makes a timeout fire.

use std::time::Duration;

use emboflow_model::Timestamp;

use super::world::World;

/// A clock that only moves forward.
pub(super) struct Clock<W> {
    world: W,
    started: Duration,
    wall_at_start_ms: i64,
}

impl<W: World> Clock<W> {
    /// Starts now; but never before `at_least`, so that records stay in order when the wall clock was set back.
    pub(super) fn start(world: W, at_least: Timestamp) -> Self {
        Self { started: world.monotonic(), wall_at_start_ms: world.wall_clock().max(at_least).0, world }
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp(
            self.wall_at_start_ms + self.world.monotonic().saturating_sub(self.started).as_millis() as i64,
        )
    }

    /// A moment of the monotonic clock.
    pub(super) fn at(&self, moment: Duration) -> Timestamp {
        Timestamp(self.wall_at_start_ms + moment.as_millis() as i64 - self.started.as_millis() as i64)
    }

    /// How long it is until then.
    pub(super) fn until(&self, at: Timestamp) -> Duration {
        Duration::from_millis(at.ms_since(self.now()))
    }
}
