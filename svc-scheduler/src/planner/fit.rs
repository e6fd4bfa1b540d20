//! How many tasks of a shape an executor could take, and what is in the way.

use std::collections::{BTreeMap, BTreeSet};

use emboflow_model::executor::Heartbeat;
use emboflow_model::name::TaskName;
use emboflow_model::{
    AttemptId, Device, DeviceId, ExecutorId, PoolName, Resources, RunId, TaskKey, Timestamp,
};

use super::Planner;
use super::executors::{Hold, KnownExecutor};
use super::shape::{HOST, Shape};

/// What is in the way of a task on an executor, whatever runs there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unlike {
    /// It has not the label, or another value of it.
    Label(String, String),
    /// A taint that the task does not tolerate.
    Taint(String, String),
    /// It has too little of a resource, also when it is empty.
    TooSmall(&'static str),
    /// It has too few devices of the model.
    Model(String),
    /// Nobody can rely on it to stop an exclusive task that it cannot renew.
    Unfenced,
}

impl Planner {
    /// The executors of a pool, by name.
    pub(super) fn in_pool(&self, pool: &PoolName) -> impl Iterator<Item = (&ExecutorId, &KnownExecutor)> {
        let ids = self.pools.get(pool).into_iter().flatten();
        ids.filter_map(|id| self.executors.get_key_value(id))
    }

    /// The executors of a pool that take work.
    pub(super) fn taking(
        &self,
        pool: &PoolName,
        now: Timestamp,
    ) -> impl Iterator<Item = (&ExecutorId, &KnownExecutor)> {
        self.in_pool(pool).filter(move |(id, known)| self.gives_work_to(id, known, now))
    }

    /// The pools in which somebody may start now: an executor has a slot left, or work that can be stopped for others.
    pub(super) fn pools_with_room(&self, now: Timestamp) -> BTreeSet<PoolName> {
        let has_room = |known: &KnownExecutor| known.has_slot() || !known.preemptible.is_empty();
        let with_room = |pool: &&PoolName| self.taking(pool, now).any(|(_, known)| has_room(known));
        let is_open = |pool: &&PoolName| self.maintenance_of(pool).is_none();
        self.pools.keys().filter(is_open).filter(with_room).cloned().collect()
    }

    /// How many open attempts of a fan-out there are, by the value of a label or by executor.
    pub(super) fn siblings<'p>(
        &'p self,
        run: RunId,
        spec: &TaskName,
        by: &str,
        pool: &PoolName,
    ) -> BTreeMap<&'p str, u64> {
        let mut counts = BTreeMap::new();
        for (id, known) in self.in_pool(pool) {
            let count = known.open_of(run, spec);
            if count > 0 {
                *counts.entry(domain(id, known, by)).or_default() += count;
            }
        }
        counts
    }
}

impl Planner {
    /// Whether tasks of a fan-out run on an executor that has not been heard of since this scheduler started: its labels
    /// are not known yet.
    pub(super) fn has_hidden_siblings(&self, run: RunId, spec: &TaskName, by: Option<&String>) -> bool {
        let unheard = self.executors.values().filter(|known| known.heartbeat.is_none());
        by.is_some_and(|by| by != HOST) && unheard.into_iter().any(|known| known.open_of(run, spec) > 0)
    }
}

impl KnownExecutor {
    pub(super) fn has_slot(&self) -> bool {
        self.slots_left() > 0
    }

    fn slots_left(&self) -> u64 {
        let slots = self.heartbeat.as_ref().map_or(0, |beat| beat.slots as usize);
        slots.saturating_sub(self.open.len()) as u64
    }

    /// Its open attempts of one fan-out.
    fn open_of(&self, run: RunId, spec: &TaskName) -> u64 {
        let first = AttemptId { run, task: TaskKey { name: spec.clone(), index: None }, number: 0 };
        let of_it = |id: &&AttemptId| id.run == run && id.task.name == *spec;
        self.open.range(first..).map(|(id, _)| id).take_while(of_it).count() as u64
    }

    /// What makes it unfit for such a task, however empty it is; none when it would do.
    pub(super) fn unlike(&self, shape: &Shape) -> Option<Unlike> {
        let beat = self.heartbeat.as_ref()?;
        let differs = |(name, value): &(&String, &String)| beat.labels.get(*name) != Some(*value);
        if let Some((name, value)) = shape.labels.iter().find(differs) {
            return Some(Unlike::Label(name.clone(), value.clone()));
        }
        if let Some((key, value)) = beat.taints.iter().find(|(key, value)| !shape.tolerates(key, value)) {
            return Some(Unlike::Taint(key.clone(), value.clone()));
        }
        if shape.class.is_exclusive() && !beat.fences {
            return Some(Unlike::Unfenced);
        }
        if let Some(lacking) = shape.resources.lacking(&beat.capacity) {
            return Some(Unlike::TooSmall(lacking));
        }
        let devices = devices_of(beat, shape).count() as u64;
        (devices < shape.resources.gpu).then(|| match &shape.gpu_model {
            Some(model) => Unlike::Model(model.clone()),
            None => Unlike::TooSmall("gpu"),
        })
    }

    /// How many such tasks it can take now.
    pub(super) fn copies(&self, shape: &Shape) -> u64 {
        match &self.heartbeat {
            Some(beat) if self.has_slot() && self.unlike(shape).is_none() => {
                let free = beat.capacity.minus(&self.used);
                let copies = shape.resources.copies_in(&free).min(self.slots_left());
                if shape.resources.gpu == 0 {
                    return copies;
                }
                let free_devices = self.free_devices(shape).count() as u64;
                copies.min(free_devices / shape.resources.gpu)
            }
            _ => 0,
        }
    }

    /// How many such tasks it could take if only the attempts that `stays` says were there.
    pub(super) fn copies_beside(&self, shape: &Shape, stays: impl Fn(&AttemptId, &Hold) -> bool) -> u64 {
        let Some(beat) = self.heartbeat.as_ref().filter(|_| self.unlike(shape).is_none()) else { return 0 };
        let (mut used, mut open, mut taken) = (Resources::default(), 0_u64, BTreeSet::new());
        for (_, hold) in self.open.iter().filter(|(id, hold)| stays(id, hold)) {
            used = used.plus(&hold.resources);
            open += 1;
            taken.extend(&hold.devices);
        }
        let slots = u64::from(beat.slots).saturating_sub(open);
        let copies = shape.resources.copies_in(&beat.capacity.minus(&used)).min(slots);
        if shape.resources.gpu == 0 {
            return copies;
        }
        let devices = devices_of(beat, shape).filter(|device| !taken.contains(&device.id)).count() as u64;
        copies.min(devices / shape.resources.gpu)
    }

    fn free_devices<'k>(&'k self, shape: &'k Shape) -> impl Iterator<Item = &'k Device> {
        let offered = self.heartbeat.iter().flat_map(move |beat| devices_of(beat, shape));
        offered.filter(|device| !self.taken.contains(&device.id))
    }

    /// The devices that one more such task gets: the first free ones.
    pub(super) fn devices_for(&self, shape: &Shape) -> Vec<DeviceId> {
        let wanted = usize::try_from(shape.resources.gpu).unwrap_or(usize::MAX);
        self.free_devices(shape).take(wanted).map(|device| device.id.clone()).collect()
    }
}

fn devices_of<'b>(beat: &'b Heartbeat, shape: &'b Shape) -> impl Iterator<Item = &'b Device> {
    let wanted = |device: &&Device| shape.gpu_model.as_ref().is_none_or(|model| device.is_model(model));
    beat.devices.iter().filter(wanted)
}

/// What an executor has in common with others: itself, or the value of a label. Those without the label are together.
pub(super) fn domain<'k>(id: &'k ExecutorId, known: &'k KnownExecutor, by: &str) -> &'k str {
    let label = known.heartbeat.as_ref().and_then(|beat| beat.labels.get(by)).map(String::as_str);
    label.unwrap_or(if by == HOST { id.as_str() } else { "" })
}
