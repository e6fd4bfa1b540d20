//! How many starts come before that of one waiting task, if nothing changes but what the starts themselves change.

use std::collections::BTreeSet;

use super::{Lane, LaneKey, ProjectLine, Ready, ReadyQueue};
use crate::planner::aging::Aging;
use crate::planner::order::{Arrival, Order};

/// Nobody counts further: an answer costs the same however long a queue is.
pub(in crate::planner) const COUNTED: usize = 10_000;

/// The starts before a task, in its queue and pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::planner) struct Ahead {
    pub(in crate::planner) starts: usize,
    /// Others wait who share otherwise, or who need something else and may be passed.
    pub(in crate::planner) is_estimate: bool,
}

impl ReadyQueue {
    /// The starts before that of a task. `step`: the part of all that there is which one such task holds, in parts per
    /// billion. None: it stands in no lane.
    pub(in crate::planner) fn ahead(&self, ready: &Ready, aging: Aging, step: u64) -> Option<Ahead> {
        let place = self.places.get(ready)?;
        let own = Arrival { since: place.since, run: ready.0, task: ready.1.clone() };
        let beside = self.lanes.iter().filter(|(key, _)| {
            key.queue == place.lane.queue && key.shape.pool == place.lane.shape.pool && **key != place.lane
        });
        let mut ahead = Ahead { starts: 0, is_estimate: false };
        let lane = self.lanes.get(&place.lane)?;
        ahead.starts += match aging.is_overdue(own.since) {
            true => lane.older(&own),
            false => lane.turns_before(&own, &place.party, aging, step),
        };
        ahead.is_estimate = lane.parties() > 1;
        for (key, other) in beside {
            ahead.starts += other.more_urgent(key, &own, &place.lane, aging);
            ahead.is_estimate |= key.shape != place.lane.shape || !other.is_only_of(&place.party);
        }
        Some(ahead)
    }
}

impl Lane {
    fn sets(&self) -> impl Iterator<Item = &BTreeSet<Arrival>> {
        self.projects.values().flat_map(|line| line.keys.values())
    }

    fn parties(&self) -> usize {
        self.projects.values().map(|line| line.keys.len()).sum()
    }

    fn is_only_of(&self, party: &super::Party) -> bool {
        let of_project = self.projects.get(&party.project);
        self.parties() == 1 && of_project.is_some_and(|line| line.keys.contains_key(&party.key))
    }

    fn older(&self, own: &Arrival) -> usize {
        self.sets().flat_map(|set| set.range(..own)).take(COUNTED + 1).count()
    }

    /// In the task's own lane: who has waited too long first, then projects and keys by what they hold.
    fn turns_before(&self, own: &Arrival, party: &super::Party, aging: Aging, step: u64) -> usize {
        let overdue =
            |set: &BTreeSet<Arrival>| set.iter().take_while(|other| aging.is_overdue(other.since)).count();
        let all_overdue: usize = self.sets().map(overdue).sum();
        let Some(line) = self.projects.get(&party.project) else { return all_overdue };
        let Some(set) = line.keys.get(&party.key) else { return all_overdue };
        let before_in_key = set.range(..own).take(COUNTED + 1).count().saturating_sub(overdue(set));
        let in_project = before_in_key
            + turns_of_others(&line.order, &party.key, before_in_key, step, |key| {
                line.keys.get(key).map_or(0, |set| set.len() - overdue(set))
            });
        let in_lane = in_project
            + turns_of_others(&self.order, &party.project, in_project, step, |project| {
                let waiting =
                    |line: &ProjectLine| line.keys.values().map(|set| set.len() - overdue(set)).sum();
                self.projects.get(project).map_or(0, waiting)
            });
        all_overdue + in_lane
    }

    /// In another lane of the queue: the tasks that have waited too long, or are more urgent.
    fn more_urgent(&self, key: &LaneKey, own: &Arrival, lane: &LaneKey, aging: Aging) -> usize {
        let rank = |key: &LaneKey, arrival: &Arrival| match aging.is_overdue(arrival.since) {
            true => (0, 0),
            false => (1, -aging.effective(key.urgency.0, arrival.since)),
        };
        let own_rank = rank(lane, own);
        // Arrivals of a lane are in the order of their ranks too.
        let before = |other: &&Arrival| (rank(key, other), *other) < (own_rank, own);
        self.sets().flat_map(|set| set.iter().take_while(before)).take(COUNTED + 1).count()
    }
}

/// The turns of all others in an order before the member's turn after `turns` of its own.
fn turns_of_others<K: Clone + Ord + std::hash::Hash>(
    order: &Order<K>,
    member: &K,
    turns: usize,
    step: u64,
    waiting: impl Fn(&K) -> usize,
) -> usize {
    let Some((share, arrival)) = order.place(member) else { return 0 };
    let others = order.iter().filter(|(_, _, other)| other != member).take(COUNTED + 1);
    let turns_of = |(other_share, other_arrival, other): &(u64, Arrival, K)| {
        let is_first = other_arrival < arrival;
        turns_before(*share, turns as u64, *other_share, step, is_first).min(waiting(other) as u64)
    };
    usize::try_from(others.map(turns_of).fold(0, u64::saturating_add)).unwrap_or(usize::MAX)
}

/// How often one with the share `other` has its turn before the turn that follows `turns` turns of one with the share
/// `own`; each turn adds `step`. `is_first`: with the same share it goes first.
fn turns_before(own: u64, turns: u64, other: u64, step: u64, is_first: bool) -> u64 {
    let reached = own.saturating_add(turns.saturating_mul(step));
    let Some(gap) = reached.checked_sub(other) else { return 0 };
    if step == 0 {
        // Nothing changes what they hold: one after the other.
        return if gap > 0 || is_first { u64::MAX } else { 0 };
    }
    let evens = gap.is_multiple_of(step) && is_first;
    gap.div_ceil(step).saturating_add(u64::from(evens))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_parties_take_turns_and_who_holds_less_catches_up_first() {
        // Both hold nothing: before our third turn the other has had two, or three when it goes first.
        assert_eq!(turns_before(0, 2, 0, 10, false), 2);
        assert_eq!(turns_before(0, 2, 0, 10, true), 3);
        // The other is two steps behind.
        assert_eq!(turns_before(20, 0, 0, 10, false), 2);
        assert_eq!(turns_before(0, 0, 20, 10, true), 0);
        assert_eq!(turns_before(0, 3, 25, 10, true), 1);
        assert_eq!(turns_before(u64::MAX, u64::MAX, 0, 1, true), u64::MAX, "no sum overflows");
    }

    #[test]
    fn without_a_step_the_first_ones_go_before_all_others() {
        assert_eq!((turns_before(0, 5, 0, 0, true), turns_before(0, 5, 0, 0, false)), (u64::MAX, 0));
        assert_eq!(turns_before(1, 0, 0, 0, false), u64::MAX);
    }
}
