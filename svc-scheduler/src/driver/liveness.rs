//! Whether the driver gets anywhere: for `/ready`, and for the messages that wait in it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use emboflow_bus::Pulse;
use tokio::time::Instant;

/// A tick that takes longer hangs, or waits for the records.
const LONGEST_TICK: Duration = Duration::from_secs(30);

/// What the driver is at.
pub(crate) struct Liveness {
    state: Mutex<State>,
    /// Tells the bus that messages which do not move are only waiting.
    pub(super) pulse: Pulse,
}

enum State {
    ReadsBack,
    Idle,
    Ticks { since: Instant },
    StartsOver { why: String },
    StandsBy { holder: String },
}

impl Liveness {
    /// Of a driver that has not read back yet.
    pub(super) fn new() -> Self {
        Self { state: Mutex::new(State::ReadsBack), pulse: Pulse::default() }
    }

    pub(super) fn waits(&self) {
        *self.state() = State::Idle;
    }

    pub(super) fn ticks(&self) {
        *self.state() = State::Ticks { since: Instant::now() };
    }

    pub(super) fn starts_over(&self, why: String) {
        *self.state() = State::StartsOver { why };
    }

    pub(super) fn reads_back(&self) {
        *self.state() = State::ReadsBack;
    }

    pub(super) fn stands_by(&self, holder: &str) {
        *self.state() = State::StandsBy { holder: holder.to_owned() };
    }

    /// In words. Errors: nothing is decided, and why.
    pub(super) fn check(&self) -> Result<String, String> {
        match &*self.state() {
            State::ReadsBack => Err("reads back from the records".to_owned()),
            State::StartsOver { why } => Err(format!("starts over: {why}")),
            State::Ticks { since } if since.elapsed() > LONGEST_TICK => {
                Err(format!("has been in one tick for {} s", since.elapsed().as_secs()))
            }
            State::Idle | State::Ticks { .. } => Ok("decides".to_owned()),
            State::StandsBy { holder } => Ok(format!("stands by: {holder} decides")),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each critical section is one assignment or one look.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_driver_that_starts_over_or_hangs_in_a_tick_is_not_ready() {
        let liveness = Liveness::new();
        assert!(liveness.check().is_err(), "nothing is decided before the records are read back");
        liveness.waits();
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert_eq!(liveness.check().as_deref(), Ok("decides"), "nothing to do is no hanging");
        liveness.ticks();
        tokio::time::advance(Duration::from_secs(29)).await;
        assert!(liveness.check().is_ok());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(liveness.check().unwrap_err(), "has been in one tick for 31 s");
        liveness.starts_over("the shard is lost".to_owned());
        assert_eq!(liveness.check().unwrap_err(), "starts over: the shard is lost");
        liveness.stands_by("other");
        assert_eq!(liveness.check().as_deref(), Ok("stands by: other decides"), "it is ready to take over");
    }
}
