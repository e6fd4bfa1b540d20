//! Stopping preemptible work for more urgent work: only what makes room, and the least harm first.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use emboflow_model::state::Reason;
use emboflow_model::transition::Change;
use emboflow_model::{AttemptId, Timestamp};

use super::Planner;
use super::executors::Hold;
use super::ready::{LaneKey, Ready};
use super::score::Offer;
use super::shape::Shape;
use super::step::Step;

/// Attempts that stop together: one, or all of a gang.
struct Victim {
    attempts: BTreeSet<AttemptId>,
    /// What is lost: the less urgent and the younger goes first.
    harm: Harm,
}

/// Less is better.
type Harm = (i32, usize, Reverse<Timestamp>);

impl Planner {
    /// Whether work of one lane may be stopped for another's: less urgent work, and what another queue has borrowed from
    /// one that is guaranteed it. Never what is guaranteed to another queue: it would only be taken back.
    pub(super) fn outranks(&self, lane: &LaneKey, victim: &LaneKey) -> bool {
        if !victim.shape.preemptible {
            return false;
        }
        if lane.queue == victim.queue {
            return lane.urgency < victim.urgency;
        }
        let held = |queue| self.allocations.of_queue(queue);
        if self.queues.rules(&victim.queue).guarantees(&held(&victim.queue)) {
            return false;
        }
        let would_hold = held(&lane.queue).plus(&lane.shape.need());
        lane.urgency < victim.urgency || self.queues.rules(&lane.queue).guarantees(&would_hold)
    }

    /// The attempts to stop so that the unit can start; empty when enough is stopping already. None: nothing that may be
    /// stopped makes room.
    pub(super) fn victims_for(
        &self,
        lane: &LaneKey,
        ready: &Ready,
        now: Timestamp,
    ) -> Option<BTreeSet<AttemptId>> {
        let victims = self.victims(lane, now)?;
        let mut gone: BTreeSet<AttemptId> = self.stopping_in(&lane.shape, now);
        if self.has_room_without(&gone, &lane.shape, ready, now) {
            return Some(BTreeSet::new());
        }
        let mut chosen = Vec::new();
        for victim in victims {
            gone.extend(victim.attempts.iter().cloned());
            chosen.push(victim);
            if self.has_room_without(&gone, &lane.shape, ready, now) {
                self.spare(&mut chosen, &mut gone, &lane.shape, ready, now);
                return Some(chosen.into_iter().flat_map(|victim| victim.attempts).collect());
            }
        }
        None
    }

    /// Takes back what is not needed after all, the greatest harm first.
    fn spare(
        &self,
        chosen: &mut Vec<Victim>,
        gone: &mut BTreeSet<AttemptId>,
        shape: &Shape,
        ready: &Ready,
        now: Timestamp,
    ) {
        for index in (0..chosen.len()).rev() {
            let without: BTreeSet<AttemptId> = gone.difference(&chosen[index].attempts).cloned().collect();
            if self.has_room_without(&without, shape, ready, now) {
                chosen.remove(index);
                *gone = without;
            }
        }
    }

    /// What may be stopped for a lane, on executors that its tasks could go to; the least harm first. None: nothing.
    fn victims(&self, lane: &LaneKey, now: Timestamp) -> Option<Vec<Victim>> {
        let of_use =
            self.taking(&lane.shape.pool, now).filter(|(_, known)| known.unlike(&lane.shape).is_none());
        let mut seen = BTreeSet::new();
        let mut victims = Vec::new();
        for (id, hold) in of_use.flat_map(|(_, known)| known.preemptible()) {
            let outranked = hold.lane.as_ref().filter(|victim| self.outranks(lane, victim));
            let Some(victim) = outranked.filter(|_| !seen.contains(id) && !self.is_stopping(id)) else {
                continue;
            };
            let attempts = self.stops_with(id, hold);
            seen.extend(attempts.iter().cloned());
            let harm = (victim.urgency.0, attempts.len(), Reverse(hold.since));
            victims.push(Victim { attempts, harm });
        }
        victims.sort_by_key(|victim| victim.harm);
        (!victims.is_empty()).then_some(victims)
    }

    /// The attempt, and those of its gang.
    fn stops_with(&self, id: &AttemptId, hold: &Hold) -> BTreeSet<AttemptId> {
        let is_gang = hold.lane.as_ref().is_some_and(|lane| lane.shape.gang.is_some());
        let peers =
            self.runs.get(&id.run).filter(|_| is_gang).into_iter().flat_map(|open| open.peers(&id.task));
        let open = peers.filter_map(|task| {
            let number = task.open_attempt()?.number;
            Some(AttemptId { run: id.run, task: task.key.clone(), number })
        });
        open.chain([id.clone()]).collect()
    }

    fn stopping_in(&self, shape: &Shape, now: Timestamp) -> BTreeSet<AttemptId> {
        let open = self.taking(&shape.pool, now).flat_map(|(_, known)| known.open.keys());
        open.filter(|id| self.is_stopping(id)).cloned().collect()
    }

    fn has_room_without(
        &self,
        gone: &BTreeSet<AttemptId>,
        shape: &Shape,
        ready: &Ready,
        now: Timestamp,
    ) -> bool {
        let offers = self.taking(&shape.pool, now).filter_map(|(id, known)| {
            let copies = known.copies_beside(shape, |id, _| !gone.contains(id));
            (copies > 0).then_some(Offer { id, known, copies })
        });
        self.seats(offers.collect(), shape, ready).is_some()
    }
}

impl Step<'_> {
    /// A unit whose turn it is does not fit: others are stopped for it, or room is kept, if it may have that.
    pub(super) fn wait_for_room(&mut self, lane: &Arc<LaneKey>, ready: &Ready) {
        let victims = self.planner.victims_for(lane, ready, self.now);
        for id in victims.iter().flatten() {
            let (task, number) = (id.task.clone(), id.number);
            self.emit(id.run, Change::AttemptStopping { task, number, reason: Reason::Preempted });
        }
        if victims.is_some() || self.is_kept_room(lane, ready) {
            self.reserve(lane, ready);
        }
    }

    /// A gang needs room in many places at once; a task alone is given it when others have passed it for long.
    fn is_kept_room(&self, lane: &LaneKey, (run, task): &Ready) -> bool {
        if lane.shape.gang.is_some() {
            return true;
        }
        let since = self.planner.runs.get(run).map(|open| open.ready_since(task));
        let waited_ms = since.map_or(0, |since| self.now.ms_since(since));
        // In a pool where all wait for the same, nobody passes anybody.
        let passed = || {
            self.planner
                .ready
                .lanes()
                .any(|(other, _, _)| other.shape.pool == lane.shape.pool && other.shape != lane.shape)
        };
        waited_ms >= self.planner.policy.reserve_after_ms && passed()
    }
}
