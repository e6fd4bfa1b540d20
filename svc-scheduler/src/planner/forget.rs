//! What the plan lets go of because somebody says that it will not come back: executors, and runs that are no longer
//! kept.

use emboflow_model::executor::ExecutorState;
use emboflow_model::{AttemptId, ExecutorId, RunId};
use emboflow_protocol::call::ForgetAnswer;

use super::Planner;
use super::step::Step;

impl Step<'_> {
    /// Gives up what an executor holds, unless it is there. Also of a run that is ending: nothing of it runs on an
    /// executor that is gone for good.
    pub(super) fn forget_executor(&mut self, executor: ExecutorId) {
        let answer = self.forget(&executor);
        if matches!(answer, ForgetAnswer::Unknown | ForgetAnswer::Forgotten { lost_attempts: 0 }) {
            // Nothing is written of it: another scheduler may know what this one does not.
            self.suspect_another();
        }
        self.forgotten.push((executor, answer));
    }

    fn forget(&mut self, executor: &ExecutorId) -> ForgetAnswer {
        let Some(known) = self.planner.executors.get(executor) else {
            return ForgetAnswer::Unknown;
        };
        let has_stopped = known.heartbeat.as_ref().is_some_and(|beat| beat.state == ExecutorState::Stopped);
        let age_ms = self.now.ms_since(known.last_seen);
        if age_ms < self.planner.policy.suspect_after_ms && !has_stopped {
            return ForgetAnswer::Online { age_ms };
        }
        let open: Vec<AttemptId> = known.open.keys().cloned().collect();
        for id in &open {
            self.lose_attempt(id, format!("executor {executor} was forgotten by an operator"));
        }
        self.give_up_strays(executor);
        self.planner.drop_executor(executor);
        // What it ends by itself is still waited for.
        self.watch_silence(executor);
        ForgetAnswer::Forgotten { lost_attempts: u32::try_from(open.len()).unwrap_or(u32::MAX) }
    }
}

impl Planner {
    /// From now on nothing is made of these finished runs: their records and objects are to go. Gives the place in the
    /// log up to which something may have been made of them.
    pub(crate) fn begin_removal(&mut self, runs: impl IntoIterator<Item = RunId>) -> u64 {
        self.removing.extend(runs);
        self.seq
    }

    /// Nobody finds these runs any more, or they stay.
    pub(crate) fn end_removal(&mut self, runs: &[RunId]) {
        for run in runs {
            self.removing.remove(run);
        }
    }

    /// Whether the run is being removed.
    pub(crate) fn is_removing(&self, run: RunId) -> bool {
        self.removing.contains(&run)
    }
}

#[cfg(test)]
mod tests {
    use emboflow_model::state::{Outcome, Reason, RunState, TaskState};
    use emboflow_protocol::command::Command;

    use super::super::input::{Input, RunCommand};
    use super::super::testing::Paper;
    use super::*;

    const ONE_TASK: &str = "version: 1\nname: story\ndefaults: { image: busybox }\ntasks:\n  a: {}\n";

    fn forget(paper: &mut Paper, executor: &str) -> ForgetAnswer {
        let executor: ExecutorId = executor.parse().unwrap();
        let decisions = paper.take(Input::Forget(executor.clone()));
        let [(asked, answer)] = <[_; 1]>::try_from(decisions.forgotten).unwrap();
        assert_eq!(asked, executor);
        answer
    }

    #[test]
    fn a_forgotten_executors_attempts_are_lost_at_once_and_run_again_elsewhere() {
        let mut paper = Paper::with_executor();
        let run = paper.submit(ONE_TASK);
        paper.pass_ms(20_000);
        paper.beat("two", 4);
        assert_eq!(forget(&mut paper, "one"), ForgetAnswer::Forgotten { lost_attempts: 1 });
        let lost = paper.task(run, "a").attempts[0].end.as_ref().unwrap();
        assert_eq!((lost.outcome, lost.reason), (Outcome::Lost, Some(Reason::ExecutorLost)));
        assert!(lost.message.as_ref().unwrap().contains("one was forgotten"), "{lost:?}");
        assert_eq!(paper.task_state(run, "a"), TaskState::Waiting);
        paper.pass_ms(2_000);
        let (second, _, executor) = paper.open_attempt(run, "a");
        assert_eq!((second.number, executor.as_str()), (2, "two"));
        assert!(!paper.planner.executors.contains_key(&"one".parse::<ExecutorId>().unwrap()));
    }

    #[test]
    fn an_executor_that_is_there_is_not_forgotten() {
        let mut paper = Paper::with_executor();
        let run = paper.submit(ONE_TASK);
        paper.pass_ms(14_000);
        assert_eq!(forget(&mut paper, "one"), ForgetAnswer::Online { age_ms: 14_000 });
        assert_eq!(paper.task_state(run, "a"), TaskState::Active);
        // One that said goodbye is not there any more.
        let mut goodbye = paper.heartbeat("one", 4);
        goodbye.state = ExecutorState::Stopped;
        paper.take(Input::Heartbeat(Box::new(goodbye)));
        assert_eq!(forget(&mut paper, "one"), ForgetAnswer::Forgotten { lost_attempts: 1 });
        assert_eq!(forget(&mut paper, "one"), ForgetAnswer::Unknown);
        assert_eq!(forget(&mut paper, "nobody"), ForgetAnswer::Unknown);
    }

    #[test]
    fn one_that_was_never_heard_is_known_from_what_was_given_to_it() {
        let mut paper = Paper::with_executor();
        let run = paper.submit(ONE_TASK);
        paper.restart();
        paper.pass_ms(20_000);
        assert_eq!(forget(&mut paper, "one"), ForgetAnswer::Forgotten { lost_attempts: 1 });
        assert!(!paper.task(run, "a").attempts[0].is_open());
    }

    #[test]
    fn a_cancelling_run_ends_when_its_executor_is_forgotten() {
        let mut paper = Paper::with_executor();
        let run = paper.submit(ONE_TASK);
        paper.take(Input::Command { run, command: RunCommand::Cancel { reason: None } });
        paper.pass_ms(120_000);
        assert_eq!(paper.state(run), RunState::Cancelling);
        forget(&mut paper, "one");
        assert_eq!(paper.state(run), RunState::Cancelled);
    }

    #[test]
    fn a_forgotten_executor_that_comes_back_is_new_and_must_let_its_old_attempts_go() {
        let mut paper = Paper::with_executor();
        let run = paper.submit(ONE_TASK);
        let (old, fence, _) = paper.open_attempt(run, "a");
        paper.pass_ms(20_000);
        let mut back = paper.heartbeat("one", 4);
        forget(&mut paper, "one");
        paper.commands.clear();
        paper.now = paper.now.plus_ms(5_000);
        back.sent_at = paper.now;
        paper.take(Input::Heartbeat(Box::new(back)));
        let released = |command: &Command| matches!(command, Command::Release { attempt, fence: own } if *attempt == old && *own == fence);
        assert!(paper.commands.iter().any(released), "{:?}", paper.commands);
        let (again, newer, executor) = paper.open_attempt(run, "a");
        assert_eq!((again.number, executor.as_str()), (2, "one"));
        assert!(newer > fence);
    }

    #[test]
    fn an_old_heartbeat_that_waited_in_nats_brings_no_work_until_a_new_one_comes() {
        let mut paper = Paper::new();
        let mut old = paper.heartbeat("one", 4);
        paper.now = paper.now.plus_ms(600_000);
        let run = paper.submit(ONE_TASK);
        paper.take(Input::Heartbeat(Box::new(old.clone())));
        paper.take(Input::Heartbeat(Box::new(old.clone())));
        assert_eq!(paper.task_state(run, "a"), TaskState::Queued);
        old.sent_at = old.sent_at.plus_ms(5_000);
        paper.take(Input::Heartbeat(Box::new(old)));
        assert_eq!(paper.task_state(run, "a"), TaskState::Active);
    }
}
