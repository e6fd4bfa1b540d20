//! Whose turn it is: ready tasks go to executors, and the others say why they wait.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use emboflow_model::state::{RunState, TaskState};
use emboflow_model::transition::Change;
use emboflow_model::{ExecutorId, RunId, TaskKey};

use super::ready::Shape;
use super::step::Step;
use super::timers::Timer;

/// Attempts that one step opens at most: what is evaluated for each is bounded, and others wait for the step's end.
const STARTS_A_STEP: usize = 256;

impl Step<'_> {
    /// Gives ready tasks to executors until no lane's first task fits anywhere: by priority, then by arrival.
    pub(super) fn place(&mut self) {
        let pools = self.planner.pools_with_room(self.now);
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
            let Some(executor) = self.planner.pick_executor(&shape, self.now) else { continue };
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
