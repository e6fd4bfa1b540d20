//! Tasks that are ready and have no executor yet: one lane for each queue, priority and shape, so that a decision costs
//! the same whatever the number of waiting tasks.
//!
//! In a lane a project waits behind those that hold less, and so does a fairness key inside of its project; only then
//! counts who came first.

mod ahead;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use emboflow_model::queue::Amount;
use emboflow_model::{ProjectName, QueueName, RunId, TaskKey, Timestamp};

use super::aging::Aging;
use super::allocation::{Account, Allocations, Party};
use super::order::{Arrival, Order};
pub(super) use super::shape::Shape;
pub(super) use ahead::COUNTED;

/// What tasks of a lane have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LaneKey {
    pub(super) queue: QueueName,
    /// Greater priority first.
    pub(super) urgency: Reverse<i32>,
    pub(super) shape: Arc<Shape>,
}

/// A ready task.
pub(super) type Ready = (RunId, TaskKey);

/// Which of a queue's tasks of one priority comes first: that of the project that holds less, then of the key that holds
/// less, then the one that came first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    project: u64,
    key: u64,
    arrival: Arrival,
}

/// The task whose turn it is in a lane.
pub(super) struct Candidate {
    pub(super) rank: Rank,
    /// Its priority, lifted by its waiting.
    pub(super) effective: i64,
    pub(super) project: ProjectName,
    pub(super) ready: Ready,
}

/// What parties hold, as parts of what there is.
pub(super) struct Shares<'a> {
    pub(super) allocations: &'a Allocations,
    pub(super) total: Amount,
}

/// The waiting tasks of one project in a lane, by fairness key.
#[derive(Clone, Default)]
struct ProjectLine {
    keys: HashMap<Arc<str>, BTreeSet<Arrival>>,
    order: Order<Arc<str>>,
}

/// The waiting tasks of a lane.
#[derive(Clone, Default)]
struct Lane {
    projects: HashMap<ProjectName, ProjectLine>,
    order: Order<ProjectName>,
    /// By arrival alone.
    ages: Order<Party>,
    tasks: usize,
}

/// Where a task stands.
#[derive(Clone)]
struct Place {
    lane: Arc<LaneKey>,
    party: Party,
    since: Timestamp,
}

/// The lanes.
#[derive(Clone, Default)]
pub(super) struct ReadyQueue {
    lanes: BTreeMap<Arc<LaneKey>, Lane>,
    places: HashMap<Ready, Place>,
    /// Where a project waits in a queue.
    lanes_of: HashMap<(QueueName, ProjectName), BTreeSet<Arc<LaneKey>>>,
}

impl ReadyQueue {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Gives a task its place. One that stands somewhere already stays there.
    pub(super) fn push(&mut self, lane: LaneKey, party: Party, arrival: Arrival, shares: &Shares<'_>) {
        let ready = (arrival.run, arrival.task.clone());
        if self.places.contains_key(&ready) {
            return;
        }
        let lane = match self.lanes.get_key_value(&lane) {
            Some((known, _)) => Arc::clone(known),
            None => Arc::new(lane),
        };
        let since = arrival.since;
        let line = self.lanes.entry(Arc::clone(&lane)).or_default();
        let project = line.projects.entry(party.project.clone()).or_default();
        project.keys.entry(Arc::clone(&party.key)).or_default().insert(arrival);
        line.tasks += 1;
        line.relist(&lane.queue, &party, shares);
        let of_project = (lane.queue.clone(), party.project.clone());
        self.lanes_of.entry(of_project).or_default().insert(Arc::clone(&lane));
        self.places.insert(ready, Place { lane, party, since });
    }

    /// Takes a task out wherever it stands.
    pub(super) fn remove(&mut self, ready: &Ready, shares: &Shares<'_>) {
        let Some(Place { lane: key, party, since }) = self.places.remove(ready) else { return };
        let Some(lane) = self.lanes.get_mut(&key) else { return };
        let arrival = Arrival { since, run: ready.0, task: ready.1.clone() };
        let own = lane.projects.get_mut(&party.project).and_then(|line| line.keys.get_mut(&party.key));
        if own.is_some_and(|own| own.remove(&arrival)) {
            lane.tasks -= 1;
        }
        lane.relist(&key.queue, &party, shares);
        let project_left = !lane.projects.contains_key(&party.project);
        if lane.tasks == 0 {
            self.lanes.remove(&key);
        }
        if project_left {
            let of_project = (key.queue.clone(), party.project);
            if let Some(lanes) = self.lanes_of.get_mut(&of_project) {
                lanes.remove(&key);
                if lanes.is_empty() {
                    self.lanes_of.remove(&of_project);
                }
            }
        }
    }

    /// What the account holds has changed: its waiting tasks move before or behind those of others.
    pub(super) fn reshare(&mut self, account: &Account, shares: &Shares<'_>) {
        let of_project = (account.queue.clone(), account.party.project.clone());
        for key in self.lanes_of.get(&of_project).into_iter().flatten() {
            if let Some(lane) = self.lanes.get_mut(key) {
                lane.relist(&account.queue, &account.party, shares);
            }
        }
    }

    /// The lane that a task stands in.
    pub(super) fn lane_of(&self, ready: &Ready) -> Option<&Arc<LaneKey>> {
        self.places.get(ready).map(|place| &place.lane)
    }

    /// The lanes, each with the number of its tasks and since when the first has waited.
    pub(super) fn lanes(&self) -> impl Iterator<Item = (&Arc<LaneKey>, usize, Timestamp)> {
        self.lanes.iter().filter_map(|(key, lane)| {
            let (_, oldest, _) = lane.ages.iter().next()?;
            Some((key, lane.tasks, oldest.since))
        })
    }

    /// The projects that wait in a lane, in the order of their turns.
    pub(super) fn projects(&self, lane: &LaneKey) -> impl Iterator<Item = &ProjectName> {
        self.lanes.get(lane).into_iter().flat_map(|lane| lane.order.iter().map(|(_, _, project)| project))
    }

    /// Whose turn it is in a lane, `blocked` projects left out.
    pub(super) fn candidate(
        &self,
        key: &LaneKey,
        aging: Aging,
        blocked: &BTreeSet<ProjectName>,
    ) -> Option<Candidate> {
        let lane = self.lanes.get(key)?;
        let (share, _, project) = lane.order.iter().find(|(_, _, project)| !blocked.contains(project))?;
        let (key_share, arrival, _) = lane.projects.get(project)?.order.iter().next()?;
        Some(Candidate {
            rank: Rank { project: *share, key: *key_share, arrival: arrival.clone() },
            effective: aging.effective(key.urgency.0, arrival.since),
            project: project.clone(),
            ready: (arrival.run, arrival.task.clone()),
        })
    }
}

impl Candidate {
    /// Whether this one of a lesser priority goes before that of a greater: it has waited its way up, and its owner holds
    /// no more. Who asks for much waits long, and must not gain by it.
    pub(super) fn passes(&self, other: &Self) -> bool {
        let holds = |candidate: &Self| (candidate.rank.project, candidate.rank.key);
        let turn = |candidate: &Self| (Reverse(candidate.effective), candidate.rank.clone());
        holds(self) <= holds(other) && turn(self) < turn(other)
    }
}

impl Lane {
    /// Puts a party where it belongs now, or takes it out when it waits no more.
    fn relist(&mut self, queue: &QueueName, party: &Party, shares: &Shares<'_>) {
        let Some(line) = self.projects.get_mut(&party.project) else { return };
        match line.keys.get(&party.key).and_then(BTreeSet::first) {
            Some(first) => {
                line.order.put(&party.key, shares.of_party(queue, party), first);
                self.ages.put(party, 0, first);
            }
            None => {
                line.keys.remove(&party.key);
                line.order.take(&party.key);
                self.ages.take(party);
            }
        }
        let first = line.order.iter().next().map(|(_, first, _)| first.clone());
        match first {
            Some(first) => {
                self.order.put(&party.project, shares.of_project(queue, &party.project), &first);
            }
            None => {
                self.order.take(&party.project);
                self.projects.remove(&party.project);
            }
        }
    }
}

impl Shares<'_> {
    fn of_project(&self, queue: &QueueName, project: &ProjectName) -> u64 {
        self.allocations.of_project_in(queue, project).dominant_share(&self.total)
    }

    fn of_party(&self, queue: &QueueName, party: &Party) -> u64 {
        let account = Account { queue: queue.clone(), party: party.clone() };
        self.allocations.of_account(&account).dominant_share(&self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(priority: i32) -> LaneKey {
        let shape = super::super::testing::plain_shape();
        LaneKey { queue: QueueName::default(), urgency: Reverse(priority), shape: Arc::new(shape) }
    }

    fn arrival(number: u128) -> Arrival {
        let since = Timestamp(i64::try_from(number).unwrap());
        Arrival { since, run: RunId::from_bits(number), task: "a".parse().unwrap() }
    }

    fn party() -> Party {
        Party { project: "lab".parse().unwrap(), key: "".into() }
    }

    #[test]
    fn a_task_that_is_taken_out_leaves_nothing_behind() {
        let (allocations, mut queue) = (Allocations::default(), ReadyQueue::default());
        let shares = Shares { allocations: &allocations, total: Amount::default() };
        for number in 0..3 {
            queue.push(lane(0), party(), arrival(number), &shares);
        }
        queue.push(lane(1), party(), arrival(9), &shares);
        for number in [1, 9] {
            queue.remove(&(RunId::from_bits(number), "a".parse().unwrap()), &shares);
        }
        assert_eq!((queue.len(), queue.lanes().count()), (2, 1));
        for number in [0, 2] {
            let aging = Aging { now: Timestamp(9), step_ms: 10_000 };
            let first = queue.candidate(&lane(0), aging, &BTreeSet::new()).unwrap();
            assert_eq!(first.ready.0, RunId::from_bits(number));
            queue.remove(&first.ready, &shares);
        }
        assert_eq!((queue.len(), queue.lanes().count(), queue.lanes_of.len()), (0, 0, 0));
    }
}
