//! Whose turn it is: first the queues, then the tasks inside of one. What does not fit is passed over until the next
//! step.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use emboflow_model::queue::Amount;
use emboflow_model::state::{RunState, TaskState};
use emboflow_model::transition::Change;
use emboflow_model::{ProjectName, QueueName, RunId, TaskKey, Timestamp};

use super::Planner;
use super::explain::WaitKind;
use super::queues::{QueueRank, Said};
use super::ready::{Candidate, LaneKey, Rank};
use super::score::Room;
use super::step::Step;
use super::timers::Timer;

/// Attempts that one step opens at most: what is evaluated for each is bounded, and others wait for the step's end.
const STARTS_A_STEP: usize = 256;

/// Lanes of a queue's priority; the first is the one with the least rank.
type Lanes = BinaryHeap<Reverse<(Rank, Arc<LaneKey>)>>;

/// The lanes of a queue by priority, the greatest first.
type Levels = BTreeMap<Reverse<i32>, Lanes>;

/// The queues and their lanes in the order of their turns. A place in it is the best that its owner can have: while a step
/// starts tasks, shares only grow, so that whoever comes up is looked at again and goes back where it belongs now.
struct Turns {
    queues: BinaryHeap<Reverse<(QueueRank, QueueName)>>,
    lanes: BTreeMap<QueueName, Levels>,
    /// Projects that may hold no more of what a lane's tasks need.
    blocked: BTreeMap<Arc<LaneKey>, BTreeSet<ProjectName>>,
}

/// A task whose turn it is.
struct Turn {
    lane: Arc<LaneKey>,
    candidate: Candidate,
}

impl Turns {
    fn begin(planner: &Planner, now: Timestamp) -> Self {
        let pools = planner.pools_with_room(now);
        let mut turns = Self { queues: BinaryHeap::new(), lanes: BTreeMap::new(), blocked: BTreeMap::new() };
        for (lane, _, _) in planner.ready.lanes().filter(|(lane, _, _)| pools.contains(&lane.shape.pool)) {
            turns.offer(planner, lane, now);
        }
        let queues: Vec<QueueName> = turns.lanes.keys().cloned().collect();
        for queue in queues {
            turns.offer_queue(planner, queue);
        }
        turns
    }

    /// The lane takes part again, if it has somebody who may be next.
    fn offer(&mut self, planner: &Planner, lane: &Arc<LaneKey>, now: Timestamp) {
        if let Some(candidate) = self.candidate(planner, lane, now) {
            self.list(lane, candidate.rank);
        }
    }

    fn list(&mut self, lane: &Arc<LaneKey>, rank: Rank) {
        let levels = self.lanes.entry(lane.queue.clone()).or_default();
        levels.entry(lane.urgency).or_default().push(Reverse((rank, Arc::clone(lane))));
    }

    /// At the best place that it can have: its next lane may need little enough to be guaranteed.
    fn offer_queue(&mut self, planner: &Planner, queue: QueueName) {
        let rank = planner.queue_rank(&queue, &Amount::default());
        self.queues.push(Reverse((rank, queue)));
    }

    /// The next task that neither its queue nor its project holds back. Its lane is out until it is offered again.
    fn next(&mut self, planner: &Planner, now: Timestamp) -> Option<Turn> {
        while let Some(Reverse((rank, queue))) = self.queues.pop() {
            let Some(Turn { lane, candidate }) = self.best_of(planner, &queue, now) else { continue };
            let need = lane.shape.need();
            let would_hold = planner.allocations.of_queue(&queue).plus(&need);
            if planner.over_queue(&queue, &would_hold).is_some() {
                self.offer_queue(planner, queue);
                continue;
            }
            let now_at = planner.queue_rank(&queue, &would_hold);
            if now_at > rank {
                self.offer(planner, &lane, now);
                self.queues.push(Reverse((now_at, queue)));
                continue;
            }
            if planner.over_held_quota(&candidate.project, &need).is_some() {
                self.blocked.entry(Arc::clone(&lane)).or_default().insert(candidate.project);
                self.offer(planner, &lane, now);
                self.offer_queue(planner, queue);
                continue;
            }
            return Some(Turn { lane, candidate });
        }
        None
    }

    /// The next of a queue: that of its greatest priority, if none of a lesser one passes it.
    fn best_of(&mut self, planner: &Planner, queue: &QueueName, now: Timestamp) -> Option<Turn> {
        let levels: Vec<Reverse<i32>> = self.lanes.get(queue)?.keys().copied().collect();
        let mut best: Option<Turn> = None;
        for level in levels {
            let Some(head) = self.head_of(planner, queue, level, now) else { continue };
            let (winner, loser) = match best {
                Some(best) if !head.candidate.passes(&best.candidate) => (best, Some(head)),
                passed => (head, passed),
            };
            best = Some(winner);
            if let Some(Turn { lane, candidate }) = loser {
                self.list(&lane, candidate.rank);
            }
        }
        best
    }

    /// The next of a queue's priority. Its lane is out.
    fn head_of(
        &mut self,
        planner: &Planner,
        queue: &QueueName,
        level: Reverse<i32>,
        now: Timestamp,
    ) -> Option<Turn> {
        loop {
            let Reverse((rank, lane)) = self.lanes.get_mut(queue)?.get_mut(&level)?.pop()?;
            match self.candidate(planner, &lane, now) {
                Some(candidate) if candidate.rank > rank => self.offer(planner, &lane, now),
                Some(candidate) => return Some(Turn { lane, candidate }),
                None => {}
            }
        }
    }

    fn candidate(&self, planner: &Planner, lane: &Arc<LaneKey>, now: Timestamp) -> Option<Candidate> {
        const NOBODY: &BTreeSet<ProjectName> = &BTreeSet::new();
        let blocked = self.blocked.get(lane).unwrap_or(NOBODY);
        planner.ready.candidate(lane, planner.aging(now), blocked)
    }
}

impl Step<'_> {
    /// Gives ready tasks to executors until nobody's next task fits anywhere.
    pub(super) fn place(&mut self) {
        self.planner.measure_total();
        self.begin_turns();
        let mut turns = Turns::begin(self.planner, self.now);
        let mut started = 0;
        while let Some(Turn { lane, candidate }) = turns.next(self.planner, self.now) {
            if started >= STARTS_A_STEP {
                // The rest has its turn in a step of its own, which follows at once.
                self.planner.timers.set(self.now, Timer::Place);
                break;
            }
            if let Some(room) = self.planner.room_for(&lane, &candidate.ready, self.now) {
                let (run, task) = candidate.ready;
                self.planner.leave_lane(&(run, task.clone()));
                started += self.place_one(run, task, &lane, &room).max(1);
                turns.offer(self.planner, &lane, self.now);
            } else {
                self.wait_for_room(&lane, &candidate.ready);
            }
            turns.offer_queue(self.planner, lane.queue.clone());
        }
        if !self.touched.is_empty() || self.planner.gates.is_stirred() {
            // A task that could not be started has let others follow.
            self.settle();
            self.planner.timers.set(self.now, Timer::Place);
        }
        self.note_first_waits();
    }

    /// Gives how many attempts it opened.
    fn place_one(&mut self, run: RunId, task: TaskKey, lane: &Arc<LaneKey>, room: &Room) -> usize {
        let Some(open) = self.planner.runs.get_mut(&run) else { return 0 };
        match open.run.summary.state {
            RunState::Paused => {
                open.hold_back(task.clone());
                self.planner.leave_gates(run, Some(task));
                0
            }
            RunState::Queued | RunState::Running => self.start_unit(run, &task, lane, room),
            // What follows all others runs when these are cancelled too.
            RunState::Cancelling if open.is_final(&task) => self.start_unit(run, &task, lane, room),
            _ => 0,
        }
    }

    /// Tasks that became ready in this step and found no executor say why, in the same transition.
    fn note_first_waits(&mut self) {
        let mut said = Said::default();
        for (run, task) in std::mem::take(&mut self.newly_queued) {
            let Some(open) = self.planner.runs.get(&run) else { continue };
            let waits =
                |task: &emboflow_model::Task| matches!(task.state, TaskState::Queued | TaskState::Waiting);
            let Some(found) = open.run.tasks.get(&task).filter(|task| waits(task)) else { continue };
            let wait_reason = self.planner.wait_before_lane(open, found).or_else(|| {
                let lane = self.planner.ready.lane_of(&(run, open.stands_as(&task)))?;
                let project = &open.run.summary.project;
                Some(said.once(lane, project, || self.planner.explain_lane(lane, project, self.now).1))
            });
            if let Some(wait_reason) = wait_reason {
                self.emit(run, Change::TaskWaits { task, wait_reason });
            }
        }
    }
}

impl Planner {
    /// Why a project's first task in a lane has no executor: in a word, and in words.
    pub(super) fn explain_lane(
        &self,
        lane: &LaneKey,
        project: &ProjectName,
        now: Timestamp,
    ) -> (WaitKind, String) {
        if let Some(reason) = self.maintenance_of(&lane.shape.pool) {
            return (WaitKind::Busy, reason);
        }
        match self.held_back(lane, project) {
            Some(reason) => (WaitKind::Share, reason),
            None => self.explain_room(lane, now),
        }
    }
}
