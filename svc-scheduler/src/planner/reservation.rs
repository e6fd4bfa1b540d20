//! Room that is kept for whoever waits for much of it: a gang, a task that had to wait long, or one for which others
//! were told to stop. Later tasks may use that room only as long as it is not needed.
//!
//! One unit a pool has a reservation: the first, in the order of turns, that does not fit. A reservation names
//! executors, not an amount, so that they drain towards it; it is kept while it holds good, so that the place to drain
//! does not move about. Whoever fits starts anywhere: a reservation only keeps others away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use emboflow_model::{AttemptId, ExecutorId, PoolName, Timestamp};

use super::Planner;
use super::executors::{Hold, KnownExecutor};
use super::ready::{LaneKey, Ready};
use super::score::{Offer, Room};
use super::shape::Shape;
use super::step::Step;

/// Room that is kept.
#[derive(Clone, Debug)]
pub(super) struct Reservation {
    pub(super) lane: Arc<LaneKey>,
    pub(super) ready: Ready,
    /// When there should be room, by the time limits of what runs; none when they do not say.
    pub(super) starts_at: Option<Timestamp>,
    /// How many of its tasks go where.
    pub(super) seats: BTreeMap<ExecutorId, u64>,
    /// Its turn has come in this step: it binds those whose turn comes later.
    binds: bool,
}

/// The reservations, one a pool.
#[derive(Clone, Default)]
pub(super) struct Reservations(BTreeMap<PoolName, Reservation>);

impl Reservations {
    pub(super) fn of(&self, pool: &PoolName) -> Option<&Reservation> {
        self.0.get(pool)
    }
}

impl Reservation {
    /// It is a single task's: whoever comes next in its lane needs the same.
    fn is_for_one(&self) -> bool {
        self.lane.shape.gang.is_none()
    }

    fn serves(&self, lane: &LaneKey, ready: &Ready) -> bool {
        self.ready == *ready || (self.is_for_one() && *self.lane == *lane)
    }

    /// Whether an attempt will still be there when the reserved room is needed. Where nobody can tell when that is, any may
    /// be the last to end: what becomes free next is kept.
    fn outlasts(&self, hold: &Hold) -> bool {
        self.starts_at.is_none_or(|at| hold.ends_at.is_none_or(|end| end > at))
    }
}

impl Planner {
    /// How many tasks of a lane an executor may take without a harm to the pool's reservation.
    pub(super) fn unreserved(
        &self,
        id: &ExecutorId,
        known: &KnownExecutor,
        lane: &LaneKey,
        ready: &Ready,
        now: Timestamp,
    ) -> u64 {
        let Some(kept) = self.reservations.of(&lane.shape.pool).filter(|kept| kept.binds) else {
            return u64::MAX;
        };
        let Some(seats) = kept.seats.get(id).copied().filter(|_| kept.ready != *ready) else {
            return u64::MAX;
        };
        let ends_in_time = |run_ms: u64| kept.starts_at.is_some_and(|at| now.plus_ms(run_ms) <= at);
        if lane.shape.run_ms.is_some_and(ends_in_time) {
            return u64::MAX;
        }
        beside(known, kept, seats, &lane.shape)
    }

    /// Where and when a unit should have room if nobody else came: the earliest moment at which enough of what runs
    /// has ended by its time limit, or else when all of it has. None: it will never fit.
    fn forecast(&self, shape: &Shape, ready: &Ready, now: Timestamp) -> Option<(Room, Option<Timestamp>)> {
        let executors: Vec<_> =
            self.taking(&shape.pool, now).filter(|(_, known)| known.unlike(shape).is_none()).collect();
        let stopping: BTreeSet<&AttemptId> = executors
            .iter()
            .flat_map(|(_, known)| known.open.keys())
            .filter(|id| self.is_stopping(id))
            .collect();
        let seats_at = |at: Option<Timestamp>| {
            let stays = |id: &AttemptId, hold: &Hold| {
                at.is_some_and(|at| hold.ends_after(at, now)) && !stopping.contains(id)
            };
            let offers = executors.iter().filter_map(|(id, known)| {
                let copies = known.copies_beside(shape, stays);
                (copies > 0).then_some(Offer { id, known, copies })
            });
            self.seats(offers.collect(), shape, ready)
        };
        let ends =
            executors.iter().flat_map(|(_, known)| known.open.values()).filter_map(|hold| hold.ends_at);
        let moments: BTreeSet<Timestamp> = ends.filter(|at| *at > now).chain([now]).collect();
        let moments: Vec<Timestamp> = moments.into_iter().collect();
        // The more has ended, the more room there is.
        let first = moments.partition_point(|at| seats_at(Some(*at)).is_none());
        let at = moments.get(first).copied();
        Some((seats_at(at)?, at))
    }

    /// Whether the attempt has been told to stop.
    pub(super) fn is_stopping(&self, id: &AttemptId) -> bool {
        let attempt = self.runs.get(&id.run).and_then(|open| open.attempt(&id.task, id.number));
        attempt.is_some_and(|attempt| attempt.stopping.is_some())
    }
}

/// How many tasks fit beside what is reserved and what will still be there then.
fn beside(known: &KnownExecutor, kept: &Reservation, seats: u64, shape: &Shape) -> u64 {
    let Some(beat) = &known.heartbeat else { return 0 };
    let reserved = kept.lane.shape.resources.times(seats);
    if reserved.gpu > 0 && shape.resources.gpu > 0 {
        // Which of its devices the reserved tasks get is not decided yet.
        return 0;
    }
    let lasting: Vec<&Hold> = known.open.values().filter(|hold| kept.outlasts(hold)).collect();
    let held = lasting.iter().fold(reserved, |sum, hold| sum.plus(&hold.resources));
    let slots = u64::from(beat.slots).saturating_sub(seats + lasting.len() as u64);
    shape.resources.copies_in(&beat.capacity.minus(&held)).min(slots)
}

impl Step<'_> {
    /// A new round of turns begins: a reservation binds again when the turn of its unit comes.
    pub(super) fn begin_turns(&mut self) {
        let ready = &self.planner.ready;
        let waits = |kept: &Reservation| match kept.is_for_one() {
            true => ready.projects(&kept.lane).next().is_some(),
            false => ready.lane_of(&kept.ready).is_some(),
        };
        self.planner.reservations.0.retain(|_, kept| waits(kept));
        for kept in self.planner.reservations.0.values_mut() {
            kept.binds = false;
        }
    }

    /// Keeps room for a unit whose turn it is and that does not fit, unless somebody before it has the pool's reservation.
    pub(super) fn reserve(&mut self, lane: &Arc<LaneKey>, ready: &Ready) {
        let (pool, now) = (&lane.shape.pool, self.now);
        let planner = &*self.planner;
        match planner.reservations.of(pool) {
            Some(kept) if kept.binds => return,
            Some(kept) if kept.serves(lane, ready) && planner.is_good(kept, now) => {
                if let Some(kept) = self.planner.reservations.0.get_mut(pool) {
                    kept.ready = ready.clone();
                    kept.binds = true;
                }
                return;
            }
            _ => {}
        }
        let Some((room, starts_at)) = planner.forecast(&lane.shape, ready, now) else {
            // It will never fit as things are: nobody has to wait for it.
            self.planner.reservations.0.remove(pool);
            return;
        };
        let mut seats = BTreeMap::new();
        let executors = match room {
            Room::One(best) => best.into_iter().take(1).collect(),
            Room::All(all) => all,
        };
        for executor in executors {
            *seats.entry(executor).or_insert(0) += 1;
        }
        let (lane, ready) = (Arc::clone(lane), ready.clone());
        let kept = Reservation { lane, ready, starts_at, seats, binds: true };
        self.planner.reservations.0.insert(pool.clone(), kept);
    }
}

impl Planner {
    /// Whether the reserved executors still could, and the time that was forecast is still to come.
    fn is_good(&self, kept: &Reservation, now: Timestamp) -> bool {
        let could = |(id, seats): (&ExecutorId, &u64)| {
            self.executors.get(id).is_some_and(|known| {
                self.gives_work_to(id, known, now)
                    && known.copies_beside(&kept.lane.shape, |_, _| false) >= *seats
            })
        };
        kept.starts_at.is_none_or(|at| at > now) && kept.seats.iter().all(could)
    }
}
