//! Which ready task goes to which executor, and why the others wait.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use emboflow_model::state::{RunState, TaskState};
use emboflow_model::transition::Change;
use emboflow_model::{ExecutorId, Timestamp};

use super::executors::KnownExecutor;
use super::ready::{Ready, Shape};
use super::step::Step;

impl Step<'_> {
    /// Gives ready tasks to executors until no lane's first task fits anywhere: by priority, then by arrival.
    pub(super) fn place(&mut self) {
        let mut lanes = self.planner.ready.shapes();
        while let Some(index) = self.next_lane(&lanes) {
            let shape = Arc::clone(&lanes[index]);
            let Some(executor) = self.pick_executor(&shape) else {
                lanes.swap_remove(index);
                continue;
            };
            let Some(ready) = self.planner.ready.pop(&shape) else {
                lanes.swap_remove(index);
                continue;
            };
            self.place_one(ready, &executor, &shape);
        }
        self.note_first_waits();
    }

    fn next_lane(&self, lanes: &[Arc<Shape>]) -> Option<usize> {
        let rank = |shape: &Arc<Shape>| Some((shape.urgency, self.planner.ready.head_order(shape)?));
        let ranked = lanes.iter().enumerate().filter_map(|(index, shape)| Some((rank(shape)?, index)));
        ranked.min().map(|(_, index)| index)
    }

    /// The least loaded executor that fits; the name decides between equals.
    fn pick_executor(&self, shape: &Shape) -> Option<ExecutorId> {
        let suspect_after_ms = self.planner.policy.suspect_after_ms;
        let fitting = self.planner.executors.iter().filter(|(_, known)| {
            known.takes_work(self.now, suspect_after_ms)
                && matches_shape(known, shape)
                && shape.resources.fits(&known.free())
                && known.heartbeat.as_ref().is_some_and(|beat| known.open.len() < beat.slots as usize)
        });
        fitting.min_by_key(|(_, known)| known.open.len()).map(|(id, _)| id.clone())
    }

    fn place_one(&mut self, ready: Ready, executor: &ExecutorId, shape: &Shape) {
        let Some(open) = self.planner.runs.get_mut(&ready.run) else { return };
        let queued = open.run.tasks.get(&ready.task).is_some_and(|task| task.state == TaskState::Queued);
        match open.run.summary.state {
            RunState::Paused => open.hold_back(ready.task),
            RunState::Queued | RunState::Running if queued => {
                self.open_attempt_on(ready.run, &ready.task, executor, shape);
            }
            // Cancelled meanwhile: its entry in the lane is simply forgotten.
            _ => {}
        }
    }

    /// Tasks that became ready in this step and found no executor say why, in the same transition.
    fn note_first_waits(&mut self) {
        for (run, task) in std::mem::take(&mut self.newly_queued) {
            let Some(open) = self.planner.runs.get(&run) else { continue };
            let Some(found) = open.run.tasks.get(&task) else { continue };
            if found.state == TaskState::Queued
                && let Some(wait_reason) = self.planner.wait_reason(open, found, self.now)
            {
                self.emit(run, Change::TaskWaits { task, wait_reason });
            }
        }
    }
}

fn matches_shape(known: &KnownExecutor, shape: &Shape) -> bool {
    known.heartbeat.as_ref().is_some_and(|beat| {
        beat.pool == shape.pool
            && shape.labels.iter().all(|(name, value)| beat.labels.get(name) == Some(value))
    })
}

/// Why the first task of this shape has no executor.
pub(super) fn explain(
    shape: &Shape,
    executors: &BTreeMap<ExecutorId, KnownExecutor>,
    now: Timestamp,
    suspect_after_ms: u64,
) -> String {
    let taking: Vec<_> = executors.values().filter(|known| known.takes_work(now, suspect_after_ms)).collect();
    let in_pool: Vec<_> = taking
        .iter()
        .filter(|known| known.heartbeat.as_ref().is_some_and(|beat| beat.pool == shape.pool))
        .collect();
    if in_pool.is_empty() {
        return format!("no executor is online in pool {}", shape.pool);
    }
    let matching: Vec<_> = in_pool.iter().filter(|known| matches_shape(known, shape)).collect();
    if matching.is_empty() {
        let wanted: Vec<_> = shape.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        return format!("no executor in pool {} matches {}", shape.pool, wanted.join(", "));
    }
    let lacking: BTreeSet<&str> = matching
        .iter()
        .filter_map(|known| shape.resources.lacking(&known.heartbeat.as_ref()?.capacity))
        .collect();
    let could_ever = matching
        .iter()
        .any(|known| known.heartbeat.as_ref().is_some_and(|beat| shape.resources.fits(&beat.capacity)));
    if !could_ever {
        let needs = describe(shape);
        let lacking: Vec<_> = lacking.into_iter().collect();
        return format!(
            "no executor is large enough: it needs {needs}, too little {}",
            lacking.join(" and ")
        );
    }
    format!("all {} matching executors are busy: it needs {}", matching.len(), describe(shape))
}

fn describe(shape: &Shape) -> String {
    let cpu = shape.resources.cpu_millis as f64 / 1000.0;
    let memory_mib = shape.resources.memory_bytes / (1024 * 1024);
    format!("{cpu} cpu and {memory_mib} MiB of memory")
}
