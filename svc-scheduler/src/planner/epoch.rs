//! What a restored log leaves behind: attempts that were open when its backup was taken.
//!
//! Their fences are of an earlier epoch than everything that is decided from now on. Nobody knows what became of them
//! since, so they are lost to the infrastructure, also those of runs that are ending; what their executors still say of
//! them is refused.

use emboflow_model::{AttemptId, epoch};

use super::open_run::OpenRun;
use super::step::Step;

/// The run's open attempts from before the restore that the log's end, `seq`, follows.
pub(super) fn left_behind(open: &OpenRun, seq: u64) -> Vec<AttemptId> {
    let now = epoch::of_place(seq);
    let attempts = open.run.tasks.values().filter_map(|task| {
        let attempt = task.open_attempt().filter(|attempt| epoch::of_fence(attempt.fence) < now)?;
        Some(AttemptId { run: open.id(), task: task.key.clone(), number: attempt.number })
    });
    attempts.collect()
}

impl Step<'_> {
    /// Ends what a restore left behind; nothing when there was none.
    pub(super) fn lose_what_was_left_behind(&mut self) {
        for id in std::mem::take(&mut self.planner.left_behind) {
            self.lose_attempt(&id, "the installation was restored from a backup".to_owned());
        }
        self.settle();
    }
}

#[cfg(test)]
mod tests {
    use emboflow_model::state::{AttemptState, Cause, Outcome, RunState, TaskState};
    use emboflow_model::{Change, LogEntry, RunId, epoch};
    use emboflow_protocol::command::Command;
    use emboflow_protocol::report::{Phase, Report};

    use super::super::input::{Input, RunCommand};
    use super::super::testing::{Paper, ended};

    const TWO_TASKS: &str =
        "version: 1\nname: story\ndefaults: { image: busybox }\ntasks:\n  a: {}\n  b: { needs: [a] }\n";

    #[test]
    fn an_attempt_that_was_open_in_the_backup_is_lost_and_tried_again_under_a_greater_fence() {
        let mut paper = Paper::with_executor();
        let run = paper.submit(TWO_TASKS);
        let (before, fence, executor) = paper.open_attempt(run, "a");
        paper.restore_from_backup();
        paper.pass_ms(0);
        let lost = paper.task(run, "a").attempts[0].end.clone().unwrap();
        assert_eq!((lost.outcome, lost.cause), (Outcome::Lost, Cause::Infra));
        assert!(lost.message.unwrap().contains("restored from a backup"));

        until_active(&mut paper, run, "a");
        let (again, greater, _) = paper.open_attempt(run, "a");
        assert_eq!(again.number, 2);
        assert!(epoch::of_fence(greater) > epoch::of_fence(fence), "{greater} {fence}");

        paper.commands.clear();
        let end = Box::new(ended(Outcome::Succeeded, Cause::User, None));
        let late = Report { attempt: before.clone(), fence, phase: Phase::Ended { end } };
        let decisions = paper.take(Input::Report { executor, report: late });
        let [LogEntry::Transition(said)] = &decisions.entries[..] else { panic!("{:?}", decisions.entries) };
        let gone = |change: &Change| matches!(change, Change::AttemptMoved { to: AttemptState::Closed, .. });
        assert!(said.changes.iter().all(gone), "a result of before the restore says only that it is gone");
        assert!(matches!(&paper.commands[..], [Command::Release { attempt, .. }] if *attempt == before));
    }

    #[test]
    fn an_attempt_that_the_backup_does_not_know_is_refused_under_its_old_fence() {
        let mut paper = Paper::with_executor();
        let run = paper.submit(TWO_TASKS);
        paper.succeed(run, "a");
        let (unknown, fence, executor) = paper.open_attempt(run, "b");
        let known = paper.log.iter().position(|entry| opens(entry, "b")).unwrap();
        paper.forget_entries_from(known);
        paper.restore_from_backup();
        paper.pass_ms(0);
        // The end of `a` is not in the backup either.
        until_active(&mut paper, run, "a");
        paper.succeed(run, "a");
        until_active(&mut paper, run, "b");
        let (anew, greater, _) = paper.open_attempt(run, "b");
        assert_eq!(anew, unknown, "the same number, which only the fence tells apart");
        assert!(greater > fence);
        let end = Box::new(ended(Outcome::Succeeded, Cause::User, None));
        let late = Report { attempt: unknown, fence, phase: Phase::Ended { end } };
        assert!(paper.take(Input::Report { executor, report: late }).entries.is_empty());
        assert_eq!(paper.task_state(run, "b"), TaskState::Active);
    }

    #[test]
    fn a_run_that_was_being_cancelled_ends_when_its_executor_has_confirmed_it() {
        let mut paper = Paper::with_executor();
        let run = paper.submit(TWO_TASKS);
        paper.take(Input::Command { run, command: RunCommand::Cancel { reason: None } });
        assert_eq!(paper.state(run), RunState::Cancelling);
        let (stopped, fence, executor) = paper.open_attempt(run, "a");
        paper.restore_from_backup();
        paper.pass_ms(0);
        assert_eq!(paper.state(run), RunState::Cancelling, "it may still run");
        paper.commands.clear();
        paper.beat("one", 4);
        assert!(matches!(&paper.commands[..], [Command::Stop { attempt, .. }] if *attempt == stopped));
        let end = Box::new(ended(Outcome::Cancelled, Cause::Policy, None));
        let report = Report { attempt: stopped, fence, phase: Phase::Ended { end } };
        paper.take(Input::Report { executor, report });
        assert_eq!(paper.state(run), RunState::Cancelled);
    }

    #[test]
    fn a_start_without_a_restore_leaves_open_attempts_alone() {
        let mut paper = Paper::with_executor();
        let run = paper.submit(TWO_TASKS);
        paper.restart();
        paper.pass_ms(0);
        assert_eq!(paper.open_attempt(run, "a").0.number, 1);
    }

    /// Its executor is there all the time.
    fn until_active(paper: &mut Paper, run: RunId, task: &str) {
        for _ in 0..600 {
            if paper.task_state(run, task) == TaskState::Active {
                return;
            }
            paper.beat("one", 4);
            paper.pass_ms(1_000);
        }
        panic!("{task} is not tried again");
    }

    fn opens(entry: &LogEntry, task: &str) -> bool {
        let LogEntry::Transition(transition) = entry else { return false };
        transition.changes.iter().any(|change| {
            matches!(change, Change::AttemptOpened { task: opened, .. }
                if opened.to_string() == task)
        })
    }
}
