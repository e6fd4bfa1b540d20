//! Starting what starts together: one task, or all members of a gang.

use std::sync::Arc;

use emboflow_model::state::{Reason, RunState, TaskState};
use emboflow_model::transition::Change;
use emboflow_model::workflow::Problem;
use emboflow_model::{AttemptId, DeviceId, ExecutorId, RunId, RuntimeSpec, TaskKey};

use super::ready::LaneKey;
use super::score::Room;
use super::step::Step;

impl Step<'_> {
    /// Opens an attempt of the task, or of each member of its gang, where there is room. Gives how many it opened: none
    /// when the file says something that cannot be carried out.
    pub(super) fn start_unit(
        &mut self,
        run: RunId,
        task: &TaskKey,
        lane: &Arc<LaneKey>,
        room: &Room,
    ) -> usize {
        let Some(open) = self.planner.runs.get(&run) else { return 0 };
        let unit = open.unit(task);
        let is_queued = |task: &TaskKey| self.task_state(run, task) == Some(TaskState::Queued);
        if !unit.iter().all(is_queued) {
            return 0;
        }
        let mut specs = Vec::with_capacity(unit.len());
        for task in &unit {
            match open.runtime_spec(task) {
                Some(Ok(spec)) => specs.push(Some(spec)),
                // It may read what nobody gives to a copy.
                Some(Err(_)) if self.planner.is_alone => specs.push(None),
                Some(Err(problem)) => {
                    self.refuse_unit(run, task, &unit, &problem);
                    return 0;
                }
                None => return 0,
            }
        }
        let Some(seats) = self.take_seats(room, &specs) else { return 0 };
        if open.run.summary.state == RunState::Queued {
            self.begin_running(run);
        }
        for ((task, spec), executor) in unit.iter().zip(specs).zip(&seats) {
            self.open_attempt_on(run, task, executor, lane, spec);
        }
        seats.len()
    }

    /// An executor for each of the unit's tasks.
    fn take_seats(&self, room: &Room, specs: &[Option<RuntimeSpec>]) -> Option<Vec<ExecutorId>> {
        match (room, specs) {
            (Room::One(equals), [Some(spec)]) => Some(vec![self.planner.nearest(equals, spec)?]),
            (Room::One(equals), [None]) => Some(vec![equals.first()?.clone()]),
            (Room::All(seats), specs) if seats.len() == specs.len() => Some(seats.clone()),
            _ => None,
        }
    }

    fn refuse_unit(&mut self, run: RunId, task: &TaskKey, unit: &[TaskKey], problem: &Problem) {
        self.refuse_task(run, task, problem);
        for peer in unit.iter().filter(|peer| *peer != task) {
            let message = Some(format!("{task} cannot be started, and with it the gang"));
            self.finish_task(run, peer, TaskState::Failed, Some(Reason::GangFailed), message);
        }
    }

    /// Opens the next attempt of a queued task on an executor that fits.
    fn open_attempt_on(
        &mut self,
        run: RunId,
        task: &TaskKey,
        executor: &ExecutorId,
        lane: &Arc<LaneKey>,
        spec: Option<RuntimeSpec>,
    ) {
        let attempts = self.planner.runs.get(&run).and_then(|open| open.run.tasks.get(task));
        let number = attempts.map_or(0, |found| found.attempts.len() as u32) + 1;
        let Some(known) = self.planner.executors.get(executor) else { return };
        let Some(journal) = known.heartbeat.as_ref().map(|beat| beat.journal.clone()) else { return };
        let devices: Vec<DeviceId> = known.devices_for(&lane.shape);
        let id = AttemptId { run, task: task.clone(), number };
        if let Some(spec) = spec {
            self.specs.insert(id.clone(), RuntimeSpec { devices: devices.clone(), ..spec });
        }
        self.step_task(run, task, TaskState::Active);
        let fence = self.next_fence();
        let opened = Change::AttemptOpened {
            task: task.clone(),
            number,
            fence,
            executor: executor.clone(),
            pool: lane.shape.pool.clone(),
            journal,
            resources: lane.shape.resources,
            devices,
        };
        self.emit(run, opened);
        self.planner.note_lane(&id, executor, lane);
    }
}
