//! Which ready task goes to which executor, and why the others wait.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use emboflow_model::state::{RunState, TaskState};
use emboflow_model::transition::Change;
use emboflow_model::{ExecutorId, PoolName, RunId, TaskKey, Timestamp};

use super::executors::KnownExecutor;
use super::ready::Shape;
use super::step::Step;
use super::timers::Timer;

/// Attempts that one step opens at most: what is evaluated for each is bounded, and others wait for the step's end.
const STARTS_A_STEP: usize = 256;

impl Step<'_> {
    /// Gives ready tasks to executors until no lane's first task fits anywhere: by priority, then by arrival.
    pub(super) fn place(&mut self) {
        let pools = self.pools_with_room();
        let heads = self.planner.ready.heads().filter(|(shape, _)| pools.contains(&shape.pool));
        let mut lanes: BinaryHeap<_> =
            heads.map(|(shape, order)| Reverse((shape.urgency, order, Arc::clone(shape)))).collect();
        let mut started = 0;
        while let Some(Reverse((urgency, _, shape))) = lanes.pop() {
            if started == STARTS_A_STEP {
                // The rest has its turn in a step of its own, which follows at once.
                self.planner.timers.set(self.now, Timer::Place);
                break;
            }
            let Some(executor) = self.pick_executor(&shape) else { continue };
            let Some((run, task)) = self.planner.ready.pop(&shape) else { continue };
            self.place_one(run, task, &executor, &shape);
            started += 1;
            if let Some(order) = self.planner.ready.head(&shape) {
                lanes.push(Reverse((urgency, order, shape)));
            }
        }
        if !self.touched.is_empty() {
            // A task that could not be started has let others follow.
            self.settle();
            self.planner.timers.set(self.now, Timer::Place);
        }
        self.note_first_waits();
    }

    fn pools_with_room(&self) -> BTreeSet<PoolName> {
        if self.planner.maintenance.is_some() {
            return BTreeSet::new();
        }
        let suspect_after_ms = self.planner.policy.suspect_after_ms;
        let taking = self.planner.executors.values().filter(|known| {
            known.takes_work(self.now, suspect_after_ms)
                && known.heartbeat.as_ref().is_some_and(|beat| known.open.len() < beat.slots as usize)
        });
        taking.filter_map(|known| Some(known.heartbeat.as_ref()?.pool.clone())).collect()
    }

    /// The least loaded executor that fits; the name decides between equals.
    fn pick_executor(&self, shape: &Shape) -> Option<ExecutorId> {
        let suspect_after_ms = self.planner.policy.suspect_after_ms;
        let fitting = self.planner.executors.iter().filter(|(_, known)| {
            known.takes_work(self.now, suspect_after_ms)
                && matches_shape(known, shape)
                && known.heartbeat.as_ref().is_some_and(|beat| known.open.len() < beat.slots as usize)
                && shape.resources.fits(&known.free())
        });
        fitting.min_by_key(|(_, known)| known.open.len()).map(|(id, _)| id.clone())
    }

    fn place_one(&mut self, run: RunId, task: TaskKey, executor: &ExecutorId, shape: &Shape) {
        let Some(open) = self.planner.runs.get_mut(&run) else { return };
        match open.run.summary.state {
            RunState::Paused => open.hold_back(task),
            RunState::Queued | RunState::Running => self.open_attempt_on(run, &task, executor, shape),
            _ => {}
        }
    }

    /// Tasks that became ready in this step and found no executor say why, in the same transition.
    fn note_first_waits(&mut self) {
        let mut reasons: BTreeMap<Arc<Shape>, String> = BTreeMap::new();
        for (run, task) in std::mem::take(&mut self.newly_queued) {
            let Some(open) = self.planner.runs.get(&run) else { continue };
            let Some(found) = open.run.tasks.get(&task).filter(|task| task.state == TaskState::Queued) else {
                continue;
            };
            let wait_reason = open.wait_reason(found).or_else(|| {
                let shape = self.planner.ready.shape_of(&(run, task.clone()))?;
                if !reasons.contains_key(shape) {
                    reasons.insert(Arc::clone(shape), self.planner.explain_shape(shape, self.now));
                }
                reasons.get(shape).cloned()
            });
            if let Some(wait_reason) = wait_reason {
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

/// Why a task has no executor, in one of few words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitKind {
    /// No executor of the pool is online.
    NoExecutor,
    /// Those of the pool have no space left.
    DiskFull,
    /// No executor of the pool has the labels.
    Labels,
    /// None is large enough.
    TooLarge,
    /// Those that match have no room now.
    Busy,
}

impl WaitKind {
    /// Every kind.
    pub(crate) const ALL: [Self; 5] =
        [Self::NoExecutor, Self::DiskFull, Self::Labels, Self::TooLarge, Self::Busy];

    /// The name that it has in the metrics.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::NoExecutor => "no_executor",
            Self::DiskFull => "disk_full",
            Self::Labels => "labels",
            Self::TooLarge => "too_large",
            Self::Busy => "busy",
        }
    }
}

/// Why the first task of this shape has no executor: in a word, and in words.
pub(super) fn explain(
    shape: &Shape,
    executors: &BTreeMap<ExecutorId, KnownExecutor>,
    now: Timestamp,
    suspect_after_ms: u64,
) -> (WaitKind, String) {
    let taking: Vec<_> = executors.values().filter(|known| known.takes_work(now, suspect_after_ms)).collect();
    let in_pool: Vec<_> = taking
        .iter()
        .filter(|known| known.heartbeat.as_ref().is_some_and(|beat| beat.pool == shape.pool))
        .collect();
    if in_pool.is_empty() {
        let full = executors.iter().filter(|(_, known)| known.drains(now, suspect_after_ms));
        return match full.filter_map(|(id, known)| describe_full_disk(id, known, shape)).next() {
            Some(full) => {
                (WaitKind::DiskFull, format!("no executor in pool {} takes work: {full}", shape.pool))
            }
            None => (WaitKind::NoExecutor, format!("no executor is online in pool {}", shape.pool)),
        };
    }
    let matching: Vec<_> = in_pool.iter().filter(|known| matches_shape(known, shape)).collect();
    if matching.is_empty() {
        let wanted: Vec<_> = shape.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let wanted = wanted.join(", ");
        return (WaitKind::Labels, format!("no executor in pool {} matches {wanted}", shape.pool));
    }
    let lacking: BTreeSet<&str> = matching
        .iter()
        .filter_map(|known| shape.resources.lacking(&known.heartbeat.as_ref()?.capacity))
        .collect();
    let could_ever = matching
        .iter()
        .any(|known| known.heartbeat.as_ref().is_some_and(|beat| shape.resources.fits(&beat.capacity)));
    let needs = describe(shape);
    if !could_ever {
        let lacking: Vec<_> = lacking.into_iter().collect();
        let lacking = lacking.join(" and ");
        let said = format!("no executor is large enough: it needs {needs}, too little {lacking}");
        return (WaitKind::TooLarge, said);
    }
    let busy = match matching.len() {
        1 => "the only matching executor is".to_owned(),
        count => format!("all {count} matching executors are"),
    };
    (WaitKind::Busy, format!("{busy} busy: it needs {needs}"))
}

fn describe_full_disk(id: &ExecutorId, known: &KnownExecutor, shape: &Shape) -> Option<String> {
    let beat = known.heartbeat.as_ref().filter(|beat| beat.pool == shape.pool)?;
    Some(format!("the disk of executor {id} is full ({} MiB free)", beat.disk.free_bytes >> 20))
}

fn describe(shape: &Shape) -> String {
    let cpu = shape.resources.cpu_millis as f64 / 1000.0;
    let memory_mib = shape.resources.memory_bytes / (1024 * 1024);
    format!("{cpu} cpu and {memory_mib} MiB of memory")
}
