//! One delivery: noted before anything is sent, tried until it arrives or is given up.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{RunId, TaskKey};
use crate::name::WorkflowName;
use crate::state::RunState;
use crate::timestamp::Timestamp;

/// Tries of a delivery at most; with the pauses between them about four hours.
pub const MAX_TRIES: u32 = 16;
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(30 * 60);

/// What became of one notification about one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Delivery {
    /// The run that ended, or waits for a person.
    pub run: RunId,
    /// The task on which a person is to decide; none for the end of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskKey>,
    /// Its workflow.
    pub workflow: WorkflowName,
    /// How it ended; how it was when a person was asked.
    pub state: RunState,
    /// When it ended, or a person was asked.
    pub ended_at: Timestamp,
    /// Tries so far.
    pub tries: u32,
    /// When it is tried next; none once it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// When it arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Timestamp>,
    /// Why the last try failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How a try ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// It arrived.
    Arrived,
    /// It did not, and may another time; the other side may have said after how long.
    Later(String, Option<Duration>),
    /// It never will.
    Never(String),
}

impl Delivery {
    /// A delivery that is due at once.
    pub fn new(
        run: RunId,
        workflow: WorkflowName,
        state: RunState,
        ended_at: Timestamp,
        now: Timestamp,
    ) -> Self {
        let (next_at, delivered_at, error) = (Some(now), None, None);
        Self { run, task: None, workflow, state, ended_at, tries: 0, next_at, delivered_at, error }
    }

    /// The same about a task on which a person is to decide.
    #[must_use]
    pub fn about(self, task: TaskKey) -> Self {
        Self { task: Some(task), ..self }
    }

    /// The delivery after a try that ended at `now`.
    pub fn after(mut self, tried: Tried, now: Timestamp) -> Self {
        self.tries += 1;
        (self.next_at, self.error) = match tried {
            Tried::Arrived => {
                self.delivered_at = Some(now);
                (None, None)
            }
            Tried::Never(why) => (None, Some(why)),
            Tried::Later(why, wished) => (next_try(self.run, self.tries, wished, now), Some(why)),
        };
        self
    }

    /// Whether nothing more is tried.
    pub const fn is_over(&self) -> bool {
        self.next_at.is_none()
    }
}

/// The deliveries of a notification that are over, the newest first, 50 at most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// They.
    pub deliveries: Vec<Delivery>,
}

impl History {
    const LENGTH: usize = 50;

    /// The history with one more; an older word about the same end or question gives way.
    pub fn with(mut self, delivery: Delivery) -> Self {
        self.deliveries.retain(|older| (older.run, &older.task) != (delivery.run, &delivery.task));
        self.deliveries.insert(0, delivery);
        self.deliveries.truncate(Self::LENGTH);
        self
    }
}

/// When a delivery is tried again after its `tries`th failure; none when it is given up. The pause doubles from 5 s to
/// 30 min, is never shorter than the other side wished (up to the longest), and differs by up to a quarter from run to
/// run, so that what failed together does not come back together.
pub fn next_try(run: RunId, tries: u32, wished: Option<Duration>, now: Timestamp) -> Option<Timestamp> {
    if tries >= MAX_TRIES {
        return None;
    }
    let doubled = FIRST_PAUSE.saturating_mul(1 << tries.saturating_sub(1).min(20));
    let pause = doubled.max(wished.unwrap_or_default()).min(LONGEST_PAUSE);
    let pause = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
    let spread = i64::try_from(run.bits() % 256).unwrap_or_default();
    Some(Timestamp(now.0 + pause + pause / 4 * spread / 256))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery() -> Delivery {
        let workflow = WorkflowName::new("digits").unwrap();
        Delivery::new(RunId::from_bits(7), workflow, RunState::Failed, Timestamp(1_000), Timestamp(2_000))
    }

    #[test]
    fn a_delivery_is_tried_for_hours_and_then_given_up() {
        let (mut it, mut now) = (delivery(), Timestamp(2_000));
        let mut pauses = Vec::new();
        while let Some(next) = it.next_at {
            pauses.push(next.0 - now.0);
            now = next;
            it = it.after(Tried::Later("503".to_owned(), None), now);
        }
        assert_eq!((it.tries, it.error.as_deref(), it.delivered_at), (MAX_TRIES, Some("503"), None));
        assert!(pauses.windows(2).all(|two| two[0] <= two[1]), "{pauses:?}");
        let hours = (now.0 - 2_000) / 3_600_000;
        assert!((3..=6).contains(&hours), "{hours} h");
    }

    #[test]
    fn what_arrived_or_never_will_is_over() {
        let arrived = delivery().after(Tried::Arrived, Timestamp(3_000));
        assert_eq!((arrived.is_over(), arrived.delivered_at), (true, Some(Timestamp(3_000))));
        let never = delivery().after(Tried::Never("410 Gone".to_owned()), Timestamp(3_000));
        assert_eq!((never.is_over(), never.error.as_deref()), (true, Some("410 Gone")));
    }

    #[test]
    fn a_history_is_bounded_and_says_one_thing_about_a_run() {
        let over = |run, error: Option<&str>| Delivery {
            run: RunId::from_bits(run),
            error: error.map(str::to_owned),
            next_at: None,
            ..delivery()
        };
        let history = (0..60).fold(History::default(), |history, run| history.with(over(run, None)));
        let history = history.with(over(58, Some("again")));
        assert_eq!(history.deliveries.len(), 50);
        assert_eq!(history.deliveries[0].error.as_deref(), Some("again"));
        assert_eq!(history.deliveries[1].run, RunId::from_bits(59));
        let asked = over(58, None).about("review".parse().unwrap());
        let history = history.with(asked.clone()).with(asked);
        let of_58 = history.deliveries.iter().filter(|delivery| delivery.run == RunId::from_bits(58));
        assert_eq!(of_58.count(), 2, "its end, and one question");
    }

    #[test]
    fn a_wish_to_wait_is_kept_up_to_half_an_hour() {
        let pause = |wished| {
            let wished = Duration::from_secs(wished);
            next_try(RunId::from_bits(256), 1, Some(wished), Timestamp(0)).unwrap().0 / 1_000
        };
        assert_eq!((pause(0), pause(60), pause(86_400)), (5, 60, 1_800));
    }
}
