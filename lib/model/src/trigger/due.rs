//! Which times of a schedule are to be started now, and which were missed.

use serde::{Deserialize, Serialize};

use super::schedule::Schedule;
use crate::Timestamp;
use crate::workflow::triggers::Missed;

/// A start that is so late, in milliseconds, still counts as on time: a minute.
pub const ON_TIME_MS: u64 = 60_000;
/// Times looked at in one decision; the next decision goes on from there.
const MAX_TIMES: usize = 1_000;
/// Times before the window counted in one decision.
const MAX_DROPPED: u32 = 10_000;

/// What a schedule has to do at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Start a run for each of these, in this order.
    pub start: Vec<Timestamp>,
    /// Times that are left out.
    pub missed: Option<MissedTimes>,
    /// Everything up to here is dealt with, once the starts are safely taken.
    pub watermark: Timestamp,
    /// When to decide again; none when the table has no more times.
    pub wake_at: Option<Timestamp>,
}

/// Times that came and were left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissedTimes {
    /// How many.
    pub count: u32,
    /// The first of them.
    pub first: Timestamp,
    /// The last of them.
    pub last: Timestamp,
}

impl MissedTimes {
    /// Those, and one after them.
    fn with(before: Option<Self>, last: Timestamp) -> Self {
        let (count, first) = before.map_or((0, last), |before| (before.count, before.first));
        Self { count: count.saturating_add(1), first, last }
    }
}

impl Schedule {
    /// Decides what to do at `now`, when everything up to `watermark` has been dealt with. Times before the window of
    /// `catch_up` are missed, whatever `missed` says. `trigger` is what the jitter depends on.
    pub fn due(&self, trigger: &str, watermark: Timestamp, now: Timestamp) -> Due {
        // A time comes only with its share of the jitter: the window is about when it comes.
        let window = Timestamp(now.0.saturating_sub_unsigned(self.catch_up_ms));
        let (dropped, mut next) = self.dropped(trigger, watermark, window);
        if let Some(dropped) = dropped.filter(|dropped| dropped.count >= MAX_DROPPED) {
            let (start, watermark) = (Vec::new(), dropped.last);
            return Due { start, missed: Some(dropped), watermark, wake_at: Some(now) };
        }
        let mut times = Vec::new();
        while let Some(time) = next
            && self.due_at(trigger, time) <= now
            && times.len() < MAX_TIMES
        {
            times.push(time);
            next = self.after(time);
        }
        let is_more = next.is_some_and(|time| self.due_at(trigger, time) <= now);
        let is_late = |time: &Timestamp| now.ms_since(self.due_at(trigger, *time)) > ON_TIME_MS;
        let late = times.iter().take_while(|time| is_late(time)).count();
        let kept_from = match self.missed {
            Missed::All => 0,
            Missed::None => late,
            // The newest that was missed, when nothing newer is due.
            Missed::Last if late == times.len() && !is_more => late.saturating_sub(1),
            Missed::Last => late,
        };
        let start = times.split_off(kept_from);
        let missed = times.iter().fold(dropped, |missed, time| Some(MissedTimes::with(missed, *time)));
        let newest = start.last().copied().or(missed.map(|missed| missed.last)).unwrap_or(watermark);
        let wake_at = if is_more { Some(now) } else { next.map(|time| self.due_at(trigger, time)) };
        Due { start, missed, watermark: newest.max(watermark), wake_at }
    }

    /// The times after `watermark` that came before the window, at most [`MAX_DROPPED`], and the one after them.
    fn dropped(
        &self,
        trigger: &str,
        watermark: Timestamp,
        window: Timestamp,
    ) -> (Option<MissedTimes>, Option<Timestamp>) {
        let (mut dropped, mut next) = (None, self.after(watermark));
        while let Some(time) = next.filter(|time| self.due_at(trigger, *time) <= window) {
            let missed = MissedTimes::with(dropped, time);
            dropped = Some(missed);
            next = self.after(time);
            if missed.count == MAX_DROPPED {
                break;
            }
        }
        (dropped, next)
    }

    /// The times in a range, both ends included, at most `limit` of them.
    pub fn between(&self, from: Timestamp, to: Timestamp, limit: usize) -> Vec<Timestamp> {
        let first = self.after(Timestamp(from.0.saturating_sub(1)));
        let times = std::iter::successors(first, |time| self.after(*time));
        times.take_while(|time| *time <= to).take(limit).collect()
    }
}
