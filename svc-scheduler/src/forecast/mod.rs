//! What comes next: the shipped planner goes on by itself on a copy of its state, with a clock of its own and with the
//! durations that tasks have had so far. Nothing here reaches the planner that decides.

mod changes;
mod durations;
mod luck;
mod outlook;
mod tell;
mod walk;

use emboflow_model::Timestamp;

use crate::planner::Planner;

pub(crate) use changes::Changes;
pub(crate) use durations::{Durations, Lasted, Learned, TaskOf};
pub(crate) use outlook::Outlook;
pub(crate) use tell::{tell_run, tell_what_if};

/// So far a walk looks: "later" is an answer.
pub(crate) const HORIZON_MS: u64 = 24 * 60 * 60 * 1_000;
/// Walks of a forecast; fewer when the time does not suffice.
const WALKS: u32 = 40;
/// Attempts that a walk starts at most.
const STARTS: usize = 50_000;
/// Steps that a walk takes at most.
const STEPS: usize = 200_000;
/// With more tasks in the open runs nobody looks ahead.
const OPEN_TASKS: u64 = 200_000;

/// The plan as it was at a moment, and what is known of how long tasks take.
#[derive(Clone)]
pub(crate) struct Snapshot {
    pub(crate) planner: Planner,
    pub(crate) durations: Durations,
    pub(crate) at: Timestamp,
}

/// How far it is looked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) walks: u32,
    pub(crate) starts: usize,
    pub(crate) steps: usize,
    pub(crate) horizon_ms: u64,
    /// Two forecasts of one seed draw the same durations for the same attempts.
    pub(crate) seed: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { walks: WALKS, starts: STARTS, steps: STEPS, horizon_ms: HORIZON_MS, seed: 0 }
    }
}

/// Looks ahead from a snapshot in which these changes are made first. `go_on` is asked again and again, with the number
/// of complete walks: when it says no, the one that is under way is given up.
pub(crate) fn look_ahead(
    snapshot: &Snapshot,
    changes: &Changes,
    bounds: Bounds,
    go_on: &dyn Fn(u32) -> bool,
) -> Outlook {
    let mut outlook = Outlook::begin(snapshot.at, bounds.horizon_ms);
    if snapshot.planner.open_tasks() > OPEN_TASKS {
        outlook.look_no_further();
        return outlook;
    }
    for number in 0..bounds.walks.max(1) {
        let walk = walk::Walk::begin(snapshot, luck::Luck { seed: bounds.seed, walk: number }, bounds);
        let trace = walk.go(changes.inputs(), &|| go_on(number));
        // Half a walk says less than none, unless there is no other.
        if trace.was_given_up && number > 0 {
            break;
        }
        // Where no duration could be another one, every walk is the same.
        let is_enough = trace.was_given_up || trace.is_certain;
        outlook.take_in(trace);
        if is_enough {
            break;
        }
    }
    outlook
}
