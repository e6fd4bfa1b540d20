//! Tasks that are ready and have no executor yet: one lane for each shape, so that a decision costs the same whatever
//! the number of waiting tasks.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use emboflow_model::{PoolName, Resources, RunId, TaskKey};

/// What placement looks at. Tasks of the same shape wait for the same things.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Shape {
    /// Greater priority first.
    pub(crate) urgency: Reverse<i32>,
    pub(crate) pool: PoolName,
    pub(crate) resources: Resources,
    /// Labels that the executor must have.
    pub(crate) labels: BTreeMap<String, String>,
}

/// A ready task.
pub(super) type Ready = (RunId, TaskKey);

/// The lanes: ready tasks by shape, and by arrival in each.
#[derive(Default)]
pub(super) struct ReadyQueue {
    lanes: BTreeMap<Arc<Shape>, BTreeMap<u64, Ready>>,
    /// Where each task stands.
    places: HashMap<Ready, (Arc<Shape>, u64)>,
    next_order: u64,
}

impl ReadyQueue {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn push(&mut self, shape: Shape, ready: Ready) {
        let order = self.next_order;
        self.next_order += 1;
        let shape = match self.lanes.get_key_value(&shape) {
            Some((known, _)) => Arc::clone(known),
            None => Arc::new(shape),
        };
        self.lanes.entry(Arc::clone(&shape)).or_default().insert(order, ready.clone());
        self.places.insert(ready, (shape, order));
    }

    /// The shape of the lane that a task stands in.
    pub(super) fn shape_of(&self, ready: &Ready) -> Option<&Arc<Shape>> {
        self.places.get(ready).map(|(shape, _)| shape)
    }

    /// The lanes with the arrival of each one's first task.
    pub(super) fn heads(&self) -> impl Iterator<Item = (&Arc<Shape>, u64)> {
        self.lanes.iter().filter_map(|(shape, lane)| Some((shape, *lane.first_key_value()?.0)))
    }

    /// The lanes with the number of tasks in each.
    pub(super) fn lengths(&self) -> impl Iterator<Item = (&Shape, usize)> {
        self.lanes.iter().map(|(shape, lane)| (&**shape, lane.len()))
    }

    /// Arrival of the lane's first task.
    pub(super) fn head(&self, shape: &Shape) -> Option<u64> {
        self.lanes.get(shape)?.first_key_value().map(|(order, _)| *order)
    }

    /// Takes the lane's first task.
    pub(super) fn pop(&mut self, shape: &Shape) -> Option<Ready> {
        let (_, ready) = self.lanes.get_mut(shape)?.pop_first()?;
        self.places.remove(&ready);
        self.drop_if_empty(shape);
        Some(ready)
    }

    /// Takes a task out wherever it stands.
    pub(super) fn remove(&mut self, ready: &Ready) {
        if let Some((shape, order)) = self.places.remove(ready) {
            self.lanes.get_mut(&shape).and_then(|lane| lane.remove(&order));
            self.drop_if_empty(&shape);
        }
    }

    fn drop_if_empty(&mut self, shape: &Shape) {
        if self.lanes.get(shape).is_some_and(BTreeMap::is_empty) {
            self.lanes.remove(shape);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use emboflow_model::RunId;

    fn shape(priority: i32) -> Shape {
        Shape {
            urgency: Reverse(priority),
            pool: "default".parse().unwrap(),
            resources: Resources::default(),
            labels: BTreeMap::new(),
        }
    }

    fn ready(number: u128) -> Ready {
        (RunId::from_bits(number), "a".parse().unwrap())
    }

    #[test]
    fn a_task_that_is_taken_out_leaves_nothing_behind() {
        let mut queue = ReadyQueue::default();
        for number in 0..3 {
            queue.push(shape(0), ready(number));
        }
        queue.push(shape(1), ready(9));
        queue.remove(&ready(1));
        queue.remove(&ready(9));
        assert_eq!((queue.len(), queue.heads().count()), (2, 1));
        assert_eq!((queue.pop(&shape(0)), queue.pop(&shape(0))), (Some(ready(0)), Some(ready(2))));
        assert_eq!((queue.len(), queue.heads().count()), (0, 0));
    }
}
