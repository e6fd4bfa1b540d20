//! Gangs: replicas that start together, and of which none goes on without the others.
//!
//! A gang stands in its lane once, under its first member. When an attempt of a member ends badly, the others are told to
//! stop; when the last has stopped, all of them wait for the same moment and stand in their lane again. What the gang
//! may repeat is counted by its rounds, each of which is judged by the end that came first. A member that has ended
//! well stays so: a gang that is not whole any more does not start again, and what is left of it fails.

use emboflow_model::state::{Cause, Outcome, Reason, TaskState};
use emboflow_model::transition::{AttemptEnd, Change};
use emboflow_model::{Attempt, AttemptId, RunId, Task, TaskKey};

use super::open_run::OpenRun;
use super::step::Step;

impl OpenRun {
    /// Whether the task is one of a gang.
    pub(super) fn is_of_gang(&self, task: &TaskKey) -> bool {
        self.workflow.task(task.name.as_str()).is_some_and(|spec| spec.gang)
    }

    /// All tasks of the task's spec, in order.
    pub(super) fn peers(&self, task: &TaskKey) -> impl Iterator<Item = &Task> {
        let spec = self.spec_index(task).and_then(|index| self.run.summary.graph.get(index));
        spec.into_iter().flat_map(|spec| spec.keys()).filter_map(|key| self.run.tasks.get(&key))
    }

    /// The task under which it stands in a lane: itself, or the first of its gang.
    pub(super) fn stands_as(&self, task: &TaskKey) -> TaskKey {
        match self.is_of_gang(task) {
            true => TaskKey::indexed(task.name.clone(), 0),
            false => task.clone(),
        }
    }

    /// The tasks that start together with this one, itself included.
    pub(super) fn unit(&self, task: &TaskKey) -> Vec<TaskKey> {
        match self.is_of_gang(task) {
            true => self.peers(task).map(|peer| peer.key.clone()).collect(),
            false => vec![task.clone()],
        }
    }

    /// The ends that count for the task's budgets: its own, or the first bad one of each round of its gang.
    pub(super) fn counted_ends(&self, task: &TaskKey) -> Vec<&AttemptEnd> {
        if !self.is_of_gang(task) {
            let attempts = self.run.tasks.get(task).into_iter().flat_map(|task| &task.attempts);
            return attempts.filter_map(|attempt| attempt.end.as_ref()).collect();
        }
        let rounds = self.run.tasks.get(task).map_or(0, |task| task.attempts.len() as u32);
        (1..=rounds).filter_map(|round| self.end_of_round(task, round)).collect()
    }

    fn end_of_round(&self, task: &TaskKey, round: u32) -> Option<&AttemptEnd> {
        let attempts =
            self.peers(task).flat_map(|peer| &peer.attempts).filter(|attempt| attempt.number == round);
        let bad = attempts.filter(|attempt| !has_given_way(attempt)).filter_map(|attempt| {
            let end = attempt.end.as_ref().filter(|end| end.outcome != Outcome::Succeeded)?;
            Some((attempt.closed_at, end))
        });
        bad.min_by_key(|(closed_at, _)| *closed_at).map(|(_, end)| end)
    }

    /// A member whose attempt of this round has ended badly.
    fn fallen(&self, id: &AttemptId) -> Option<&Task> {
        self.peers(&id.task).find(|peer| {
            let last =
                peer.attempts.last().filter(|attempt| attempt.number == id.number && !attempt.is_open());
            let is_over = matches!(peer.state, TaskState::Waiting | TaskState::Failed);
            peer.key != id.task && is_over && last.is_some()
        })
    }
}

/// Its end says nothing about it: it was stopped because another had failed.
fn has_given_way(attempt: &Attempt) -> bool {
    attempt.end.as_ref().is_some_and(|end| end.reason == Some(Reason::GangFailed))
}

impl Step<'_> {
    /// What is accepted of a member's end: after its gang has failed and will start again, also a good one is none.
    pub(super) fn end_in_gang(&self, id: &AttemptId, end: AttemptEnd) -> AttemptEnd {
        let open = self.planner.runs.get(&id.run).filter(|open| open.is_of_gang(&id.task));
        let fallen = open.and_then(|open| open.fallen(id)).filter(|peer| peer.state == TaskState::Waiting);
        match fallen.filter(|_| end.outcome == Outcome::Succeeded) {
            None => end,
            Some(peer) => AttemptEnd {
                outcome: Outcome::Cancelled,
                cause: Cause::Policy,
                reason: Some(Reason::GangFailed),
                message: Some(format!("It ended well after {} had failed: its gang starts again.", peer.key)),
                artifacts: Vec::new(),
                values: serde_json::Map::new(),
                ..end
            },
        }
    }

    /// A member's attempt has ended and did not succeed. `pause_ms`: how long its gang waits before it starts again, if
    /// it may.
    pub(super) fn end_member(&mut self, id: &AttemptId, pause_ms: Option<u64>, end: &AttemptEnd) {
        let Some(open) = self.planner.runs.get(&id.run) else { return };
        let is_whole = open.peers(&id.task).all(|peer| peer.state != TaskState::Succeeded);
        let fallen = open.fallen(id).map(|peer| (peer.key.clone(), peer.state, peer.retry_at));
        match fallen {
            Some((_, TaskState::Waiting, retry_at)) => {
                self.wait_until(id, retry_at.unwrap_or(self.now).max(self.now), end);
            }
            Some((first, ..)) => {
                let message = Some(format!("{first} failed, and with it the gang"));
                self.finish_task(id.run, &id.task, TaskState::Failed, Some(Reason::GangFailed), message);
            }
            None => {
                self.stop_peers(id);
                match pause_ms.filter(|_| is_whole) {
                    Some(pause_ms) => self.wait_until(id, self.now.plus_ms(pause_ms), end),
                    None => {
                        let message = end.message.clone();
                        self.finish_task(id.run, &id.task, TaskState::Failed, end.reason, message);
                    }
                }
            }
        }
    }

    fn stop_peers(&mut self, id: &AttemptId) {
        let Some(open) = self.planner.runs.get(&id.run) else { return };
        let running = open.peers(&id.task).filter_map(|peer| {
            let attempt = peer.open_attempt().filter(|attempt| attempt.stopping.is_none())?;
            Some((peer.key.clone(), attempt.number))
        });
        for (task, number) in running.collect::<Vec<_>>() {
            self.emit(id.run, Change::AttemptStopping { task, number, reason: Reason::GangFailed });
        }
    }

    /// The tasks to queue when a back-off is over: the task, or its gang as soon as all of it waits no more.
    pub(super) fn due_together(&self, run: RunId, task: &TaskKey) -> Vec<TaskKey> {
        let Some(open) = self.planner.runs.get(&run) else { return Vec::new() };
        let is_due =
            |task: &Task| task.state == TaskState::Waiting && task.retry_at.is_some_and(|at| at <= self.now);
        let unit = open.unit(task);
        let may_start = |task: &Task| is_due(task) && !open.may_run_still(task);
        let all_due = unit.iter().all(|task| open.run.tasks.get(task).is_some_and(may_start));
        if all_due { unit } else { Vec::new() }
    }
}
