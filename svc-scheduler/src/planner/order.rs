//! Members in the order of their turns: who holds least first, and who has waited longest among those.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use emboflow_model::{RunId, TaskKey, Timestamp};

/// When a task joined, made unique: the same after a restart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Arrival {
    pub(super) since: Timestamp,
    pub(super) run: RunId,
    pub(super) task: TaskKey,
}

/// The members; each once.
#[derive(Clone)]
pub(super) struct Order<K> {
    listed: HashMap<K, (u64, Arrival)>,
    sorted: BTreeSet<(u64, Arrival, K)>,
}

impl<K> Default for Order<K> {
    fn default() -> Self {
        Self { listed: HashMap::new(), sorted: BTreeSet::new() }
    }
}

impl<K: Clone + Ord + Hash> Order<K> {
    /// Gives a member its place, and takes it from the one that it had.
    pub(super) fn put(&mut self, member: &K, share: u64, arrival: &Arrival) {
        if self.listed.get(member).is_some_and(|(known, since)| *known == share && since == arrival) {
            return;
        }
        self.take(member);
        self.listed.insert(member.clone(), (share, arrival.clone()));
        self.sorted.insert((share, arrival.clone(), member.clone()));
    }

    /// Takes a member out.
    pub(super) fn take(&mut self, member: &K) {
        if let Some((share, arrival)) = self.listed.remove(member) {
            self.sorted.remove(&(share, arrival, member.clone()));
        }
    }

    /// What a member holds, and its arrival.
    pub(super) fn place(&self, member: &K) -> Option<&(u64, Arrival)> {
        self.listed.get(member)
    }

    /// The members in order, each with its share and its arrival.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(u64, Arrival, K)> {
        self.sorted.iter()
    }
}
