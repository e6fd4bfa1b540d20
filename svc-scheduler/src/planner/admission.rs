//! From ready to a place in a lane: through the gates of a run and of a task.

use std::cmp::Reverse;
use std::sync::Arc;

use emboflow_model::state::{RunState, TaskState};
use emboflow_model::workflow::turn::Concurrency;
use emboflow_model::workflow::turn_spec::ConcurrencyPolicy;
use emboflow_model::{QueueName, RunId, Task, TaskKey, Timestamp};

use super::Planner;
use super::gates::{RatedStart, Standing};
use super::input::RunCommand;
use super::open_run::{Line, OpenRun};
use super::order::Arrival;
use super::queues::account_of;
use super::ready::{LaneKey, Ready, Shares};
use super::step::Step;
use super::timers::Timer;

impl Step<'_> {
    /// A run was made: what needs nothing is let go, once the run has passed its gates.
    pub(super) fn admit_run(&mut self, run: RunId) {
        let Some(open) = self.planner.runs.get(&run) else { return };
        let (gates, since) = (open.gates.clone(), open.run.summary.created_at);
        let project = open.run.summary.project.clone();
        if let Some(concurrency) = &gates.concurrency
            && !self.make_way(run, concurrency)
        {
            return;
        }
        if !self.planner.gates.enter(&project, &(run, None), &gates, since) {
            return self.start_roots(run);
        }
        self.let_in();
        let Some(open) = self.planner.runs.get(&run) else { return };
        if self.planner.gates.standing(&(run, None)).is_some() {
            let roots = open.specs.iter().zip(open.run.summary.graph.iter());
            let roots = roots.filter(|(progress, _)| progress.unmet == 0);
            let first_tasks = roots.filter_map(|(_, spec)| spec.keys().next()).map(|task| (run, task));
            self.newly_queued.extend(first_tasks);
        }
    }

    /// Does what the policy says when there are as many of the key as there may be. False: the run is over, or ends.
    fn make_way(&mut self, run: RunId, concurrency: &Concurrency) -> bool {
        let Some(open) = self.planner.runs.get(&run) else { return false };
        let members = self.planner.gates.runs_of(&open.run.summary.project, &concurrency.key);
        let staying: Vec<RunId> = members.into_iter().filter(|member| !self.is_ending(*member)).collect();
        let surplus = (staying.len() + 1).saturating_sub(concurrency.limit as usize);
        let Some(first) = staying.first().copied().filter(|_| surplus > 0) else { return true };
        let key = &concurrency.key;
        match concurrency.policy {
            ConcurrencyPolicy::Queue => true,
            ConcurrencyPolicy::CancelNewest => {
                let reason = Some(format!("{first} holds the key `{key}` (cancel_newest)"));
                self.command(run, RunCommand::Cancel { reason });
                false
            }
            ConcurrencyPolicy::Fail => {
                self.fail_run(run, format!("{first} holds the key `{key}` (fail)"));
                false
            }
            ConcurrencyPolicy::CancelOldest => {
                for oldest in staying.into_iter().take(surplus) {
                    let reason = Some(format!("{run} takes over the key `{key}` (cancel_oldest)"));
                    self.command(oldest, RunCommand::Cancel { reason });
                }
                true
            }
        }
    }

    /// Lets in whoever waits at a gate and has room now.
    pub(super) fn let_in(&mut self) {
        let let_in = self.planner.gates.let_in(self.now);
        for (at, gate) in let_in.wake {
            self.planner.timers.set(at, Timer::Gate(gate));
        }
        for (run, task) in let_in.entrants {
            match task {
                None => self.start_roots(run),
                Some(task) => self.stand_in_lane(run, &task),
            }
        }
    }

    /// An admitted task takes its place: before its gates, or in its lane.
    pub(super) fn stand(&mut self, run: RunId, task: TaskKey, line: Line, since: Timestamp) {
        let Some(open) = self.planner.runs.get(&run) else { return };
        let project = open.run.summary.project.clone();
        if !self.planner.gates.enter(&project, &(run, Some(task.clone())), &line.gates, since) {
            self.planner.push_to_lane(run, task, line, since);
        }
    }

    /// The same for a task whose place is to be found out.
    pub(super) fn stand_up(&mut self, run: RunId, task: TaskKey, since: Timestamp) {
        let line = self.planner.runs.get(&run).and_then(|open| open.line_now(&task));
        match line {
            Some(Ok(line)) => self.stand(run, task, line, since),
            Some(Err(problem)) => self.refuse_task(run, &task, &problem),
            None => {}
        }
    }

    fn stand_in_lane(&mut self, run: RunId, task: &TaskKey) {
        let since = self.now;
        let line = self.planner.runs.get(&run).and_then(|open| open.line_now(task));
        match line {
            Some(Ok(line)) => self.planner.push_to_lane(run, task.clone(), line, since),
            Some(Err(problem)) => self.refuse_task(run, task, &problem),
            None => {}
        }
    }

    /// After a restart: what the run and its open attempts hold of gates, and which starts still count.
    pub(super) fn take_back_gates(&mut self, run: RunId) {
        let Planner { runs, gates, .. } = &mut *self.planner;
        let Some(open) = runs.get(&run) else { return };
        let summary = &open.run.summary;
        if open.was_let_in() {
            gates.hold(
                &summary.project,
                &(run, None),
                &open.gates,
                summary.created_at,
                summary.started_at.is_some(),
            );
        } else {
            gates.enter(&summary.project, &(run, None), &open.gates, summary.created_at);
        }
        for task in open.run.tasks.values().filter(|task| task.state == TaskState::Active) {
            if let Some(Ok(line)) = open.line_now(&task.key) {
                let since = open.ready_since(&task.key);
                gates.hold(&summary.project, &(run, Some(task.key.clone())), &line.gates, since, true);
            }
        }
        self.planner.remember_starts(run);
    }

    fn fail_run(&mut self, run: RunId, reason: String) {
        self.begin_failing(run, reason);
        self.stop_everything(run, RunState::Failed);
    }
}

impl Planner {
    fn push_to_lane(&mut self, run: RunId, task: TaskKey, line: Line, since: Timestamp) {
        let Some(open) = self.runs.get(&run) else { return };
        let account = account_of(&open.run.summary);
        let lane = self.lane_of_line(account.queue, line);
        let shares = Shares { allocations: &self.allocations, total: self.total };
        self.ready.push(lane, account.party, Arrival { since, run, task }, &shares);
    }

    fn lane_of_line(&self, queue: QueueName, line: Line) -> LaneKey {
        let urgency = Reverse(line.priority.unwrap_or_else(|| self.queue_priority(&queue)));
        LaneKey { queue, urgency, shape: Arc::new(line.shape) }
    }

    /// The lane that a task belongs into, wherever it stands.
    pub(super) fn lane_of_task(&self, run: RunId, task: &TaskKey) -> Option<Arc<LaneKey>> {
        let open = self.runs.get(&run)?;
        let line = open.line_now(task)?.ok()?;
        Some(Arc::new(self.lane_of_line(open.run.summary.queue.clone(), line)))
    }

    /// Takes a task out of its lane, if it stands in one.
    pub(super) fn leave_lane(&mut self, ready: &Ready) {
        let shares = Shares { allocations: &self.allocations, total: self.total };
        self.ready.remove(ready, &shares);
    }

    /// The run (or only one of its tasks) stands at no gate and inside of none any more.
    pub(super) fn leave_gates(&mut self, run: RunId, task: Option<TaskKey>) {
        self.gates.leave(&(run, task));
    }

    /// A run that is over started these, and they may still count for a rate.
    pub(crate) fn remember_ended(&mut self, ended: &OpenRun) {
        for start in ended.rated_starts() {
            self.gates.remember_start(&ended.run.summary.project, &start);
        }
    }

    /// The starts of an open run that may still count for a rate.
    fn remember_starts(&mut self, run: RunId) {
        if let Some(open) = self.runs.get(&run) {
            for start in open.rated_starts() {
                self.gates.remember_start(&open.run.summary.project, &start);
            }
        }
    }

    /// Why a task waits where it has no place in a lane yet.
    pub(super) fn wait_before_lane(&self, open: &OpenRun, task: &Task) -> Option<String> {
        if !matches!(task.state, TaskState::Waiting | TaskState::Queued) {
            return open.wait_reason(task);
        }
        let of_run = self.gates.standing(&(open.id(), None)).map(|standing| describe(&standing, "run"));
        let own = || open.wait_reason(task);
        let of_task = || {
            let standing = self.gates.standing(&(open.id(), Some(task.key.clone())))?;
            Some(describe(&standing, "task"))
        };
        of_run.or_else(own).or_else(of_task).or_else(|| self.wait_for_result(task))
    }
}

impl OpenRun {
    /// Each start that counts for a rate.
    pub(super) fn rated_starts(&self) -> Vec<RatedStart> {
        if !self.workflow.has_rates() {
            return Vec::new();
        }
        let of_run = self.gates.rate.clone().zip(self.run.summary.started_at);
        let of_run = of_run.map(|(rate, at)| RatedStart { rate, of_task: false, at });
        let of_tasks = self.run.tasks.values().filter(|task| !task.attempts.is_empty()).filter_map(|task| {
            let rate = self.line_now(&task.key)?.ok()?.gates.rate?;
            let start = move |at| RatedStart { rate: rate.clone(), of_task: true, at };
            Some(task.attempts.iter().map(|attempt| attempt.dispatched_at).map(start))
        });
        of_run.into_iter().chain(of_tasks.flatten()).collect()
    }
}

fn describe(standing: &Standing<'_>, what: &str) -> String {
    let Standing { key, limit, per_ms, holder, ahead } = standing;
    let before = match ahead {
        0 => String::new(),
        100.. => ", more than 100 come before it".to_owned(),
        ahead => format!(", {ahead} before it"),
    };
    if let Some(per_ms) = per_ms {
        let per_s = per_ms / 1000;
        return format!("the rate of `{key}` is used up: {limit} starts in {per_s} s{before}");
    }
    let holder = match holder {
        Some((run, None)) => format!("{run}"),
        Some((run, Some(task))) => format!("{task} of {run}"),
        None => format!("another {what}"),
    };
    match limit {
        1 => format!("{holder} holds the key `{key}`{before}"),
        limit => format!("{limit} hold the key `{key}`, the oldest is {holder}{before}"),
    }
}
