//! What executors say of attempts, and what a task does after one has ended.

use emboflow_model::state::{AttemptState, Cause, Outcome, Reason, RunState, TaskState};
use emboflow_model::transition::{AttemptEnd, Change};
use emboflow_model::workflow::{Backoff, ExitAction, RenderedRetry};
use emboflow_model::{AttemptId, ExecutorId, Timestamp};
use emboflow_protocol::command::Command;
use emboflow_protocol::report::{Phase, Report};

use super::backoff;
use super::cancel::why_stopped;
use super::effect::Effect;
use super::input::stop_reason;
use super::step::Step;
use super::timers::Timer;

impl Step<'_> {
    /// Takes in a report. One that is late, fenced or unknown changes nothing and is answered with a release.
    pub(super) fn report(&mut self, executor: &ExecutorId, report: Report) {
        if let Some(known) = self.planner.executors.get_mut(executor) {
            known.last_seen = self.now;
        }
        let id = report.attempt;
        let current = self.planner.runs.get(&id.run).and_then(|open| open.attempt(&id.task, id.number));
        match current {
            Some(attempt)
                if attempt.is_open() && attempt.fence == report.fence && attempt.executor == *executor =>
            {
                let state = attempt.state;
                match report.phase {
                    Phase::Preparing { at } => {
                        self.move_attempt(&id, state, AttemptState::Preparing, at, None)
                    }
                    Phase::Running { at, pulled_at } => {
                        self.move_attempt(&id, state, AttemptState::Running, at, pulled_at);
                    }
                    Phase::Finishing { at } => {
                        self.move_attempt(&id, state, AttemptState::Finishing, at, None)
                    }
                    Phase::Ended { end } => self.close_attempt(&id, *end),
                }
            }
            _ => {
                if matches!(report.phase, Phase::Ended { .. }) {
                    self.see_end_of_stray(executor, &id, report.fence);
                }
                self.refuse_report(executor, id, report.fence);
            }
        }
    }

    fn refuse_report(&mut self, executor: &ExecutorId, attempt: AttemptId, fence: u64) {
        if self.is_of_later(fence) {
            return;
        }
        let pool = self.planner.executors.get(executor).and_then(|known| known.heartbeat.as_ref());
        if let Some(beat) = pool {
            let command = Command::Release { attempt, fence };
            self.effects.push(Effect::Command {
                pool: beat.pool.clone(),
                executor: executor.clone(),
                command,
            });
        }
    }

    fn move_attempt(
        &mut self,
        id: &AttemptId,
        from: AttemptState,
        to: AttemptState,
        at: Timestamp,
        pulled_at: Option<Timestamp>,
    ) {
        if from.may_become(to) {
            let (task, number) = (id.task.clone(), id.number);
            self.emit(id.run, Change::AttemptMoved { task, number, to, at, pulled_at });
        }
    }

    /// An attempt is over: the task ends, or tries again.
    pub(super) fn close_attempt(&mut self, id: &AttemptId, end: AttemptEnd) {
        let end = self.end_in_gang(id, self.end_of_total(id, self.end_of_drain(id, end)));
        let end = self.end_with_values(id, end);
        let closed =
            Change::AttemptClosed { task: id.task.clone(), number: id.number, end: Box::new(end.clone()) };
        self.emit(id.run, closed);
        if end.outcome == Outcome::Succeeded {
            self.finish_task(id.run, &id.task, TaskState::Succeeded, None, None);
        } else if let Some(ending) = self.ending_of_attempt(id) {
            self.finish_stopped(id, ending, &end);
        } else if self.fails_run(id, &end) {
            self.fail_run_with(id, &end);
        } else if self.is_out_of_time(id.run, &id.task) {
            self.give_up_in_total(id.run, &id.task);
        } else if self.planner.runs.get(&id.run).is_some_and(|open| open.is_of_gang(&id.task)) {
            self.end_member(id, self.pause_before_retry(id, &end), &end);
        } else if let Some(pause_ms) = self.pause_before_retry(id, &end) {
            self.wait_until(id, self.now.plus_ms(pause_ms), &end);
        } else {
            let message = self.planner.runs.get(&id.run).and_then(|open| open.last_words(id, &end));
            self.finish_task(id.run, &id.task, TaskState::Failed, end.reason, message);
        }
    }

    fn finish_stopped(&mut self, id: &AttemptId, ending: RunState, end: &AttemptEnd) {
        let to = match ending {
            RunState::TimedOut => TaskState::Failed,
            _ => TaskState::Cancelled,
        };
        let message = why_stopped(ending).or_else(|| end.message.clone());
        self.finish_task(id.run, &id.task, to, Some(stop_reason(ending)), message);
    }

    /// The task waits for its next attempt.
    pub(super) fn wait_until(&mut self, id: &AttemptId, retry_at: Timestamp, end: &AttemptEnd) {
        let waits = Change::Task {
            task: id.task.clone(),
            from: TaskState::Active,
            to: TaskState::Waiting,
            reason: end.reason,
            message: end.message.clone(),
            retry_at: Some(retry_at),
        };
        self.emit(id.run, waits);
        self.let_follow(id.run, &id.task);
        self.planner.timers.set(retry_at, Timer::Retry(id.run, id.task.clone()));
    }

    /// How long the task waits before its next attempt; none when it has no attempt left.
    fn pause_before_retry(&self, id: &AttemptId, end: &AttemptEnd) -> Option<u64> {
        let policy = &self.planner.policy;
        let open = self.planner.runs.get(&id.run)?;
        if end.outcome == Outcome::Preempted && end.cause == Cause::Policy {
            // It stands in its lane again at once, however often that happens.
            return Some(0);
        }
        let ends = open.counted_ends(&id.task);
        let charged_to =
            |counts: fn(Cause) -> bool| ends.iter().filter(|end| counts(end.cause)).count() as u32;
        if is_free(end.cause) {
            let losses = charged_to(is_free);
            let base = policy.infra_retry_delay_ms;
            return (losses <= policy.infra_retries)
                .then(|| backoff::exponential_ms(base, policy.infra_retry_max_delay_ms, losses, id));
        }
        let retry = open.workflow.retry(id.task.name.as_str());
        let failures = charged_to(|cause| cause == Cause::User);
        let is_wanted = match open.exit_action(id, end) {
            Some(action) => action == ExitAction::Retry,
            None => is_worth_repeating(&retry, end.reason),
        };
        if failures >= retry.attempts || !is_wanted {
            return None;
        }
        Some(match retry.backoff {
            Backoff::Exponential => backoff::exponential_ms(retry.delay_ms, retry.max_delay_ms, failures, id),
            Backoff::Constant => backoff::jittered(retry.delay_ms, id),
        })
    }
}

/// Ends by infrastructure or by a defect of the platform are not charged to the task's own retries.
const fn is_free(cause: Cause) -> bool {
    matches!(cause, Cause::Infra | Cause::System)
}

/// Whether another attempt may end otherwise, and the file wants one after this reason.
fn is_worth_repeating(retry: &RenderedRetry, reason: Option<Reason>) -> bool {
    let Some(reason) = reason else { return retry.on.is_empty() };
    let hopeless = matches!(
        reason,
        Reason::ImageNotFound
            | Reason::ImageDenied
            | Reason::BadCommand
            | Reason::SpecInvalid
            | Reason::Cancelled
    );
    !hopeless && (retry.on.is_empty() || retry.on.contains(&reason))
}
