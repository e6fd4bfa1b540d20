//! Which executors could take a task now.

use std::collections::BTreeSet;

use emboflow_model::{ExecutorId, PoolName, Timestamp};

use super::Planner;
use super::executors::KnownExecutor;
use super::ready::Shape;

impl Planner {
    /// The pools in which an executor takes work and has a slot left.
    pub(super) fn pools_with_room(&self, now: Timestamp) -> BTreeSet<PoolName> {
        if self.maintenance.is_some() {
            return BTreeSet::new();
        }
        let taking = self
            .executors
            .values()
            .filter(|known| known.takes_work(now, self.policy.suspect_after_ms) && has_slot(known));
        taking.filter_map(|known| Some(known.heartbeat.as_ref()?.pool.clone())).collect()
    }

    /// The executors that have room for such a task, by name.
    pub(super) fn fitting<'p>(
        &'p self,
        shape: &'p Shape,
        now: Timestamp,
    ) -> impl Iterator<Item = (&'p ExecutorId, &'p KnownExecutor)> {
        self.executors.iter().filter(move |(_, known)| {
            known.takes_work(now, self.policy.suspect_after_ms)
                && matches_shape(known, shape)
                && has_slot(known)
                && shape.resources.fits(&known.free())
        })
    }
}

fn has_slot(known: &KnownExecutor) -> bool {
    known.heartbeat.as_ref().is_some_and(|beat| known.open.len() < beat.slots as usize)
}

/// Whether the executor is of the kind that the task asks for, busy or not.
pub(super) fn matches_shape(known: &KnownExecutor, shape: &Shape) -> bool {
    known.heartbeat.as_ref().is_some_and(|beat| {
        beat.pool == shape.pool
            && shape.labels.iter().all(|(name, value)| beat.labels.get(name) == Some(value))
    })
}
