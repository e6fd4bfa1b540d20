//! Stories of triggers: nights in which the clock is set, times that were missed, keys, files, events.

mod chain;
mod due;
mod events;
mod files;
mod nights;
mod objects;

use crate::Timestamp;
use crate::trigger::Schedule;
use crate::workflow::triggers::{Missed, Overlap, ScheduleSpec};

/// A time table in a zone, with everything else as it is by itself.
pub(super) fn spec(cron: &str, zone: &str) -> ScheduleSpec {
    ScheduleSpec {
        name: None,
        cron: cron.to_owned(),
        timezone: Some(zone.to_owned()),
        overlap: Overlap::Allow,
        jitter: None,
        missed: Missed::Last,
        catch_up: None,
        inputs: indexmap::IndexMap::new(),
    }
}

pub(super) fn schedule(cron: &str, zone: &str) -> Schedule {
    Schedule::new(&spec(cron, zone)).unwrap()
}

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
