//! How many starts come before that of one waiting task, if nothing changes but what the starts themselves change.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::{Lane, LaneKey, ProjectLine, Ready, ReadyQueue};
use crate::planner::aging::Aging;
use crate::planner::allocation::Party;
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

/// The task that is asked about.
struct Own<'a> {
    lane: &'a LaneKey,
    party: &'a Party,
    arrival: &'a Arrival,
    /// The turns of its own party in its own lane before it.
    turns: usize,
    /// What its project and its key hold.
    project: u64,
    key: u64,
    /// What one more turn adds.
    step: u64,
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
        let lane = self.lanes.get(&place.lane)?;
        let line = lane.projects.get(&place.party.project)?;
        let turns = line.keys.get(&place.party.key)?.range(..&own).take(COUNTED + 1).count();
        let (project, key) = lane.holds(&place.party)?;
        let own = Own { lane: &place.lane, party: &place.party, arrival: &own, turns, project, key, step };
        let mut ahead = Ahead { starts: lane.turns_before(line, &own), is_estimate: lane.parties() > 1 };
        for (key, other) in beside {
            ahead.starts += other.turns_beside(key, &own, aging);
            ahead.is_estimate |= key.shape != place.lane.shape || !other.is_only_of(&place.party);
        }
        Some(ahead)
    }
}

impl Lane {
    fn parties(&self) -> usize {
        self.projects.values().map(|line| line.keys.len()).sum()
    }

    fn is_only_of(&self, party: &Party) -> bool {
        let of_project = self.projects.get(&party.project);
        self.parties() == 1 && of_project.is_some_and(|line| line.keys.contains_key(&party.key))
    }

    /// What a party's project and key hold.
    fn holds(&self, party: &Party) -> Option<(u64, u64)> {
        let (project, _) = self.order.place(&party.project)?;
        let (key, _) = self.projects.get(&party.project)?.order.place(&party.key)?;
        Some((*project, *key))
    }

    /// In the task's own lane: projects and keys by what they hold.
    fn turns_before(&self, line: &ProjectLine, own: &Own<'_>) -> usize {
        let in_project = own.turns
            + turns_of_others(&line.order, &own.party.key, own.turns, own.step, |key| {
                line.keys.get(key).map_or(0, BTreeSet::len)
            });
        in_project
            + turns_of_others(&self.order, &own.party.project, in_project, own.step, |project| {
                let waiting = |line: &ProjectLine| line.keys.values().map(BTreeSet::len).sum();
                self.projects.get(project).map_or(0, waiting)
            })
    }

    /// In another lane of the queue.
    fn turns_beside(&self, key: &LaneKey, own: &Own<'_>, aging: Aging) -> usize {
        let urgency = |key: &LaneKey, arrival: &Arrival| -aging.effective(key.urgency.0, arrival.since);
        let own_turn = (urgency(own.lane, own.arrival), own.arrival);
        let parties = self.ages.iter().filter_map(|(_, first, party)| {
            let set = self.projects.get(&party.project)?.keys.get(&party.key)?;
            // Arrivals of a lane are in the order of their urgency too.
            let urgent = set.iter().take_while(|other| (urgency(key, other), *other) < own_turn);
            let urgent = urgent.take(COUNTED + 1).count();
            if party == own.party {
                return Some(urgent);
            }
            let (project, of_key) = self.holds(party)?;
            let is_other_project = party.project != own.party.project;
            let (held, own_held) = if is_other_project { (project, own.project) } else { (of_key, own.key) };
            let in_turn = turns_before(own_held, own.turns as u64, held, own.step, first < own.arrival);
            let in_turn = usize::try_from(in_turn).unwrap_or(usize::MAX).min(set.len());
            Some(match key.urgency.cmp(&own.lane.urgency) {
                Ordering::Equal => in_turn,
                // More urgent, unless this one has waited its way up and holds no more; or the other way round.
                Ordering::Less if held < own_held => urgent.max(in_turn),
                Ordering::Greater if held > own_held => 0,
                Ordering::Less | Ordering::Greater => urgent,
            })
        });
        parties.take(COUNTED).sum()
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
