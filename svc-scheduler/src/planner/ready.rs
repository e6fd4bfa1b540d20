//! Tasks that are ready and have no executor yet: one lane for each shape, so that a decision costs the same whatever
//! the number of waiting tasks.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
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

/// A ready task and its place in the order of arrival.
#[derive(Clone, Debug)]
pub(super) struct Ready {
    pub(super) order: u64,
    pub(super) run: RunId,
    pub(super) task: TaskKey,
}

/// The lanes.
#[derive(Default)]
pub(super) struct ReadyQueue {
    lanes: BTreeMap<Arc<Shape>, VecDeque<Ready>>,
    next_order: u64,
    len: usize,
}

impl ReadyQueue {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push(&mut self, shape: Shape, run: RunId, task: TaskKey) {
        let order = self.next_order;
        self.next_order += 1;
        self.len += 1;
        self.lanes.entry(Arc::new(shape)).or_default().push_back(Ready { order, run, task });
    }

    /// The shapes that have a task waiting.
    pub(super) fn shapes(&self) -> Vec<Arc<Shape>> {
        self.lanes.keys().cloned().collect()
    }

    /// Arrival of the lane's first task.
    pub(super) fn head_order(&self, shape: &Shape) -> Option<u64> {
        self.lanes.get(shape)?.front().map(|ready| ready.order)
    }

    /// Takes the lane's first task; a lane that is empty then is gone.
    pub(super) fn pop(&mut self, shape: &Shape) -> Option<Ready> {
        let lane = self.lanes.get_mut(shape)?;
        let ready = lane.pop_front()?;
        self.len -= 1;
        if lane.is_empty() {
            self.lanes.remove(shape);
        }
        Some(ready)
    }
}
