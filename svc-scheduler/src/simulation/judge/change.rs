//! What a decision may change.

use emboflow_model::name::TaskName;
use emboflow_model::state::{AttemptState, Cause, Outcome, Reason, RunState, TaskState};
use emboflow_model::transition::{AttemptEnd, Change, Transition};
use emboflow_model::workflow::ExitAction;
use emboflow_model::{AttemptId, Run, Task, TaskKey, epoch};

use super::super::stage::Stage;
use super::super::witness::Container;
use super::super::workload::{LIMITED_QUEUES, LIMITED_SLOTS};
use super::approval::{judge_asking, judge_end_of_approval};
use super::child::{judge_end_with_outputs, judge_given, judge_request};
use super::fan_out::judge_fan_out;
use super::gang::{counted, is_left_over};
use super::limits::{judge_limit, judge_time_left};
use super::results::judge_key;
use super::{Judge, Judged};

impl Judge {
    /// Follows what is open and what is lost.
    pub(super) fn note_attempts(&mut self, run: &Run, change: &Change, now: u64) {
        let id = |task: &TaskKey, number: u32| AttemptId { run: run.summary.id, task: task.clone(), number };
        match change {
            Change::AttemptOpened { task, number, fence, executor, .. } => {
                self.fences.insert(*fence);
                self.tally.opened += 1;
                self.open.insert(id(task, *number), (executor.clone(), *fence));
            }
            Change::AttemptClosed { task, number, end } => {
                let id = id(task, *number);
                if let Some((_, fence)) = self.open.remove(&id) {
                    self.closed_at.insert((id.clone(), fence), now);
                    if end.unseen {
                        self.lost.insert((id, fence));
                    }
                }
            }
            _ => {}
        }
    }
}

impl Stage {
    /// Whether the change may be made to the run as it is.
    pub(super) fn judge_change(
        &mut self,
        judged: &mut Judged,
        change: &Change,
        transition: &Transition,
    ) -> Result<(), String> {
        match change {
            Change::Run { from, to, .. } => {
                judge_run_step(judged, *from, *to)?;
                judge_end_with_outputs(judged, *to)?;
                self.judge_finals(judged, *to)?;
                self.judge_paused(judged, *to)?;
            }
            Change::Task { task, from, to, reason, .. } => {
                self.judge_task_step(judged, task, *from, *to, *reason)?;
                judge_limit(judged, task, *reason, transition.at)?;
                if let Some(task) = judged.run.tasks.get(task) {
                    judge_end_of_approval(judged, task, *to, *reason, transition.at)?;
                    self.judge_end_of_child(judged, task, *to, *reason)?;
                }
            }
            Change::ApprovalAsked { task, .. } => judge_asking(judged, task)?,
            Change::ApprovalDecided { task, decision, values } => {
                self.judge_decision(judged, task, decision, values, transition.at)?;
            }
            Change::TaskKeyed { task, .. } => judge_key(judged, task)?,
            Change::TaskTakenOver { key: Some(_), .. } => self.judge_found(judged, change, transition.at)?,
            Change::ChildRequested { task, .. } => judge_request(judged, task)?,
            Change::OutputsGiven { outputs } => judge_given(judged, outputs)?,
            Change::TaskTakenOver { .. } => self.judge_taken_over(judged, change)?,
            Change::FannedOut { spec, matrix } => {
                judge_fan_out(judged, spec, matrix, transition.number)?;
            }
            Change::AttemptOpened { task, number, fence, .. } => {
                judge_opening(judged, task, *number)?;
                judge_time_left(judged, task, transition.at)?;
                self.judge_fence(judged, task, *fence, transition.seq)?;
            }
            Change::AttemptMoved { task, number, to: AttemptState::Closed, .. } => {
                let id = AttemptId { run: transition.run, task: task.clone(), number: *number };
                self.judge_gone(judged, &id)?;
            }
            Change::AttemptMoved { task, number, to, .. } => {
                let attempt = open_attempt(&judged.run, task, *number)?;
                if !attempt.state.may_become(*to) {
                    return Err(format!("I4: {task}#{number} goes from {} to {to}", attempt.state));
                }
            }
            Change::AttemptStopping { task, number, .. } => {
                open_attempt(&judged.run, task, *number)?;
            }
            Change::AttemptClosed { task, number, end } => {
                let fence = open_attempt(&judged.run, task, *number)?.fence;
                let id = AttemptId { run: transition.run, task: task.clone(), number: *number };
                self.judge_end(judged, &id, fence, end)?;
            }
            _ => {}
        }
        self.judge.note_attempts(&judged.run, change, self.now);
        Ok(())
    }

    /// I6: what is said to be gone is gone.
    fn judge_gone(&self, judged: &Judged, id: &AttemptId) -> Result<(), String> {
        let mut strays = judged.run.tasks.get(&id.task).into_iter().flat_map(Task::strays);
        let Some(stray) = strays.find(|attempt| attempt.number == id.number) else {
            return Err(format!("I4: {id} is said to be gone and was not given up unseen"));
        };
        let is_it = |own: &Container| own.fence == stray.fence;
        match self.witness.running().find(|(_, attempt, own)| *attempt == id && is_it(own)) {
            Some((executor, ..)) => Err(format!("I6: {id} is said to be gone and runs on e{executor}")),
            None => Ok(()),
        }
    }

    /// I16: what follows all others has had its turn, unless nothing was there to follow or somebody wanted it left out.
    fn judge_finals(&self, judged: &Judged, to: RunState) -> Result<(), String> {
        let run = &judged.run;
        let has_started = run
            .tasks
            .values()
            .any(|task| !task.attempts.is_empty() || task.approval.is_some() || task.child.is_some());
        if !to.is_terminal() || !has_started || self.clients.want_no_finals(run.summary.id) {
            return Ok(());
        }
        let left_out = |task: &&Task| is_final(judged, &task.key.name) && task.state == TaskState::Cancelled;
        match run.tasks.values().find(left_out) {
            Some(task) => Err(format!("I16: the run ends {to}, and {} has never had its turn", task.key)),
            None => Ok(()),
        }
    }

    /// I17: what is taken over was made by the named run itself, from the same values of all inputs that the task reads.
    fn judge_taken_over(&self, judged: &Judged, change: &Change) -> Result<(), String> {
        let Change::TaskTakenOver { task: key, from_run, artifacts, values, log, .. } = change else {
            return Ok(());
        };
        let wrong = |why: &str| Err(format!("I17: {key} takes over what {from_run} {why}"));
        let Some(origin) = self.judge.runs.get(from_run) else { return wrong("made, and it is unknown") };
        match origin.run.tasks.get(key) {
            Some(task) if task.state != TaskState::Succeeded => return wrong("never came to"),
            Some(task)
                if (&task.artifacts, &task.values, task.log()) == (artifacts, values, log.as_ref()) => {}
            _ => return wrong("did not make"),
        }
        let values = |run: &Run, name: &String| run.summary.inputs.get(name).cloned();
        let mut read = judged.workflow.inputs_read(key.name.as_str()).into_iter();
        match read.all(|name| values(&judged.run, &name) == values(&origin.run, &name)) {
            true => Ok(()),
            false => wrong("made from other inputs"),
        }
    }

    /// A fence is given once, grows with each attempt of a task, and has the place of its entry in the log.
    fn judge_fence(&self, judged: &Judged, key: &TaskKey, fence: u64, seq: u64) -> Result<(), String> {
        let earlier = judged.run.tasks.get(key).and_then(|task| task.attempts.last());
        let grows = earlier.is_none_or(|attempt| attempt.fence < fence);
        if !grows || fence >> epoch::FENCE_BITS != seq || self.judge.fences.contains(&fence) {
            return Err(format!("I3: the fence {fence} of {key} fences nothing"));
        }
        Ok(())
    }

    /// I9: nobody gives more than he has. Asked between two ticks: within one, an attempt may be opened in an entry
    /// before the one that closes another.
    pub(in super::super) fn judge_resources(&self) -> Result<(), String> {
        for executor in &self.executors {
            let own = self.judge.open.iter().filter(|(_, (on, _))| *on == executor.id);
            let count = own.clone().count();
            if count > executor.slots as usize {
                return Err(format!("I9: {} has {} slots and {count} attempts", executor.id, executor.slots));
            }
            let attempts = own.filter_map(|(id, _)| {
                let task = self.judge.runs.get(&id.run)?.run.tasks.get(&id.task)?;
                task.attempts.iter().find(|attempt| attempt.number == id.number)
            });
            let cpu: u64 = attempts.map(|attempt| attempt.resources.cpu_millis).sum();
            if cpu > executor.capacity.cpu_millis {
                return Err(format!("I9: {} has given {cpu} thousandths of a core", executor.id));
            }
        }
        for (queue, _) in LIMITED_QUEUES {
            let of_queue = |id: &&AttemptId| {
                self.judge.runs.get(&id.run).is_some_and(|judged| judged.run.summary.queue.as_str() == queue)
            };
            let held = self.judge.open.keys().filter(of_queue).count();
            if held > LIMITED_SLOTS {
                return Err(format!("I9: queue {queue} may hold {LIMITED_SLOTS} slots and holds {held}"));
            }
        }
        Ok(())
    }

    fn judge_task_step(
        &self,
        judged: &Judged,
        key: &TaskKey,
        from: TaskState,
        to: TaskState,
        reason: Option<Reason>,
    ) -> Result<(), String> {
        let task = judged.run.tasks.get(key).ok_or_else(|| format!("no task {key}"))?;
        if task.state != from || !from.may_become(to) {
            return Err(format!("I4: {key} is {} and goes from {from} to {to}", task.state));
        }
        if to.is_terminal() && task.open_attempt().is_some() {
            return Err(format!("{key} ends while an attempt of it is open"));
        }
        let last = task.attempts.last().and_then(|attempt| attempt.end.as_ref());
        match (from, to) {
            (TaskState::Waiting, TaskState::Succeeded) if task.approval.is_some() || task.child.is_some() => {
                Ok(())
            }
            (_, TaskState::Succeeded) if last.is_none_or(|end| end.outcome != Outcome::Succeeded) => {
                Err(format!("I5: {key} succeeds and none of its attempts has"))
            }
            (TaskState::Active, TaskState::Failed)
                if !is_ended(judged, key) && reason != Some(Reason::TotalTimeout) =>
            {
                self.judge_giving_up(judged, task)
            }
            (TaskState::Active, TaskState::Waiting) => self.judge_retry(judged, task),
            _ => Ok(()),
        }
    }

    /// I8: what infrastructure loses costs the user nothing, and every budget is spent before a task fails.
    fn judge_giving_up(&self, judged: &Judged, task: &Task) -> Result<(), String> {
        if is_left_over(judged, &task.key) {
            return Ok(());
        }
        let (by_user, by_others) = charged(judged, task);
        let retry = judged.workflow.retry(task.key.name.as_str());
        let is_spent = by_user >= retry.attempts || by_others > self.plan.policy.infra_retries;
        let is_final = matches!(exit_action(judged, task), Some(ExitAction::Fail | ExitAction::FailRun));
        if is_spent || is_final {
            return Ok(());
        }
        Err(format!("I8: {} fails after {by_user} failures and {by_others} losses", task.key))
    }

    fn judge_retry(&self, judged: &Judged, task: &Task) -> Result<(), String> {
        let (by_user, by_others) = charged(judged, task);
        let retry = judged.workflow.retry(task.key.name.as_str());
        if let Some(action @ (ExitAction::Fail | ExitAction::FailRun)) = exit_action(judged, task) {
            return Err(format!("I8: {} tries again after an exit code that says {action:?}", task.key));
        }
        if by_user >= retry.attempts.max(1) || by_others > self.plan.policy.infra_retries {
            return Err(format!(
                "I8: {} tries again after {by_user} failures and {by_others} losses",
                task.key
            ));
        }
        Ok(())
    }

    /// I5 and I8: an end says what the witness has seen.
    fn judge_end(&self, judged: &Judged, id: &AttemptId, fence: u64, end: &AttemptEnd) -> Result<(), String> {
        let start = (id.clone(), fence);
        let seen = self.witness.exits.get(&start);
        if end.outcome == Outcome::Succeeded {
            let codes = judged.workflow.exit_codes(id.task.name.as_str());
            let counts =
                |code: &i32| *code == 0 || codes.action((*code).into()) == Some(ExitAction::Complete);
            if !seen.is_some_and(counts) {
                return Err(format!("I5: {id} has succeeded, and its program has ended with {seen:?}"));
            }
            let sealed = end.log.as_ref().map(|log| log.size_bytes);
            if sealed.is_none() || sealed != self.witness.logs.get(&start).copied() {
                return Err(format!("I5: {id} has succeeded, and its log is not what was stored"));
            }
        }
        let is_charged = end.cause == Cause::User && end.outcome == Outcome::Failed;
        if is_charged && seen.is_none_or(|code| *code == 0) && end.reason != Some(Reason::SpecInvalid) {
            return Err(format!("I8: {id} is charged to the user, and its program has ended with {seen:?}"));
        }
        Ok(())
    }
}

/// What follows all others starts when these have ended, whatever has become of the run; and nothing else starts then.
fn judge_part(judged: &Judged, key: &TaskKey) -> Result<(), String> {
    let state = judged.run.summary.state;
    if !is_final(judged, &key.name) {
        return match state == RunState::Running && !is_ending(judged) {
            true => Ok(()),
            false => Err(format!("{key} is started while the run is {state}")),
        };
    }
    let mut work = judged.run.tasks.values().filter(|task| !is_final(judged, &task.key.name));
    match work.find(|task| !task.state.is_terminal()) {
        Some(left) => Err(format!("I7: {key} follows all others, and {} is {}", left.key, left.state)),
        None if matches!(state, RunState::Running | RunState::Cancelling) => Ok(()),
        None => Err(format!("{key} is started while the run is {state}")),
    }
}

pub(super) fn is_final(judged: &Judged, name: &TaskName) -> bool {
    judged.workflow.finally(name.as_str()).is_some()
}

/// Whether the end of the run is the end of the task too.
pub(super) fn is_ended(judged: &Judged, key: &TaskKey) -> bool {
    is_ending(judged) && !is_final(judged, &key.name)
}

fn judge_run_step(judged: &Judged, from: RunState, to: RunState) -> Result<(), String> {
    let run = &judged.run;
    if run.summary.state != from || !from.may_become(to) {
        return Err(format!("I4: the run is {} and goes from {from} to {to}", run.summary.state));
    }
    if !to.is_terminal() {
        return Ok(());
    }
    if let Some(task) = run.tasks.values().find(|task| !task.state.is_terminal()) {
        return Err(format!("I4: the run ends {to} and {} is {}", task.key, task.state));
    }
    if let Some(task) = run.tasks.values().find(|task| task.open_attempt().is_some()) {
        return Err(format!("I4: the run ends {to} and an attempt of {} is open", task.key));
    }
    let is_bad = |task: &&Task| matches!(task.state, TaskState::Failed | TaskState::Cancelled);
    let goes_on =
        |task: &Task| judged.workflow.task(task.key.name.as_str()).is_some_and(|spec| spec.continue_on_error);
    match run.tasks.values().filter(is_bad).find(|task| !goes_on(task)) {
        Some(task) if to == RunState::Succeeded => {
            Err(format!("I5: the run succeeds and {} has failed", task.key))
        }
        _ => Ok(()),
    }
}

/// I3, I7 and pause: whether one more attempt may be opened.
fn judge_opening(judged: &Judged, key: &TaskKey, number: u32) -> Result<(), String> {
    let Judged { run, workflow, .. } = judged;
    judge_part(judged, key)?;
    let task = run.tasks.get(key).ok_or_else(|| format!("no task {key}"))?;
    if task.open_attempt().is_some() {
        return Err(format!("I3: {key} has an open attempt and gets another one"));
    }
    if number as usize != task.attempts.len() + 1 {
        return Err(format!("I3: attempt {number} of {key} is out of order"));
    }
    judge_needs(judged, key)?;
    let fails_run = |task: &&Task| {
        task.state == TaskState::Failed && exit_action(judged, task) == Some(ExitAction::FailRun)
    };
    if let Some(failed) = run.tasks.values().find(fails_run) {
        return Err(format!("I8: {key} starts although the exit code of {} fails the run", failed.key));
    }
    let limit = workflow.task(key.name.as_str()).and_then(|spec| spec.max_parallel);
    let beside = run.tasks.values().filter(|task| task.key.name == key.name && task.open_attempt().is_some());
    if limit.is_some_and(|limit| beside.count() >= limit as usize) {
        return Err(format!("I9: more than max_parallel tasks of {} run", key.name));
    }
    Ok(())
}

/// I7: whether everything has ended that the task needs, and well enough.
pub(super) fn judge_needs(judged: &Judged, key: &TaskKey) -> Result<(), String> {
    let Judged { run, workflow, .. } = judged;
    let spec = run.summary.graph.iter().find(|spec| spec.name == key.name);
    let needs = spec.iter().flat_map(|spec| &spec.needs);
    for need in needs.filter(|need| !is_final(judged, &key.name) || is_final(judged, need)) {
        let goes_on = workflow.task(need.as_str()).is_some_and(|spec| spec.continue_on_error)
            || workflow.judges_needs(key.name.as_str());
        let is_met = |task: &Task| task.state.is_good() || (goes_on && task.state.is_terminal());
        let mut needed = run.tasks.values().filter(|task| task.key.name == *need);
        if let Some(unmet) = needed.find(|task| !is_met(task) && task.state != TaskState::Skipped) {
            return Err(format!("I7: {key} starts and {} is {}", unmet.key, unmet.state));
        }
    }
    Ok(())
}

fn is_ending(judged: &Judged) -> bool {
    judged.run.summary.state == RunState::Cancelling || judged.run.summary.ending.is_some()
}

fn open_attempt<'r>(run: &'r Run, key: &TaskKey, number: u32) -> Result<&'r emboflow_model::Attempt, String> {
    let open = run.tasks.get(key).and_then(Task::open_attempt).filter(|attempt| attempt.number == number);
    open.ok_or_else(|| format!("I3: {key}#{number} is not open"))
}

/// What the exit code of a task's last attempt says, where its program ended by itself.
fn exit_action(judged: &Judged, task: &Task) -> Option<ExitAction> {
    let end = task.attempts.last()?.end.as_ref().filter(|end| end.reason == Some(Reason::ExitCode))?;
    judged.workflow.exit_codes(task.key.name.as_str()).action(end.exit_code?.into())
}

/// Ends that are charged to the user, and those that are not.
fn charged(judged: &Judged, task: &Task) -> (u32, u32) {
    let ends = counted(judged, task);
    let (mut by_user, mut by_others) = (0, 0);
    for end in ends {
        match end.cause {
            Cause::Infra | Cause::System => by_others += 1,
            // Whoever drains an executor takes nothing from the task's budgets.
            Cause::Policy if end.reason == Some(Reason::Drained) => {}
            Cause::User | Cause::Policy => by_user += 1,
        }
    }
    (by_user, by_others)
}
