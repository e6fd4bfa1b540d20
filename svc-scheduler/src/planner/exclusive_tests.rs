//! Stories of exclusive tasks, of which no two attempts run at once.

use emboflow_model::state::{Cause, Outcome, Reason, RunState, TaskState};
use emboflow_model::{RunId, Timestamp, fencing};
use emboflow_protocol::call::Claim;
use emboflow_protocol::command::Command;
use emboflow_protocol::report::{Phase, Report};

use super::input::{Input, RunCommand};
use super::testing::{Paper, ended};

const EXCLUSIVE: &str =
    "version: 1\nname: story\ndefaults: { image: busybox, class: exclusive }\ntasks:\n  a: {}\n";
const LOST_AFTER_MS: u64 = 60_000;

fn renew(paper: &mut Paper, run: RunId) -> Option<u64> {
    let (attempt, fence, executor) = paper.open_attempt(run, "a");
    let pool = "default".parse().unwrap();
    let claim = Claim { pool, executor, attempt, fence, journal: None, secrets: false, again: true };
    let granted = paper.planner.claim(&claim).unwrap();
    paper.planner.note_renewal(&claim, paper.now);
    granted.good_for_ms
}

/// Time passes in which only executor `two` is heard.
fn without_one(paper: &mut Paper, ms: u64) {
    for _ in 0..ms / 1_000 {
        paper.beat("two", 4);
        paper.pass_ms(1_000);
    }
}

#[test]
fn an_exclusive_task_is_given_away_when_its_executor_must_have_ended_it() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(EXCLUSIVE);
    assert_eq!(renew(&mut paper, run), Some(fencing::good_for_ms(LOST_AFTER_MS)));
    without_one(&mut paper, 20_000);
    // Its heartbeats do not come, but its claims do.
    renew(&mut paper, run);
    without_one(&mut paper, LOST_AFTER_MS - 1_000);
    assert_eq!(paper.open_attempt(run, "a").0.number, 1);
    without_one(&mut paper, 5_000);
    let (second, _, executor) = paper.open_attempt(run, "a");
    assert_eq!((second.number, executor.as_str()), (2, "two"));
    let lost = paper.task(run, "a").attempts[0].end.clone().unwrap();
    assert_eq!((lost.outcome, lost.reason, lost.unseen), (Outcome::Lost, Some(Reason::ExecutorLost), false));
}

#[test]
fn a_scheduler_that_does_not_surely_lead_gives_no_exclusive_task_away() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(EXCLUSIVE);
    paper.planner.lead_since(None);
    without_one(&mut paper, 600_000);
    assert_eq!(paper.open_attempt(run, "a").0.number, 1);
    let since = paper.now;
    paper.planner.lead_since(Some(since));
    without_one(&mut paper, LOST_AFTER_MS - 1_000);
    assert_eq!(paper.open_attempt(run, "a").0.number, 1, "another one may have renewed its claim until then");
    without_one(&mut paper, 5_000);
    assert_eq!(paper.open_attempt(run, "a").0.number, 2);
}

#[test]
fn an_exclusive_task_that_ended_well_while_nobody_could_be_heard_does_not_run_again() {
    for ends_well in [true, false] {
        let mut paper = Paper::with_executor();
        let run = paper.submit(EXCLUSIVE);
        paper.take(Input::Hearing(false));
        for _ in 0..600 {
            paper.pass_ms(1_000);
        }
        assert_eq!(paper.open_attempt(run, "a").0.number, 1, "its report may wait for NATS");
        paper.take(Input::Hearing(true));
        if ends_well {
            paper.succeed(run, "a");
            let attempts = paper.task(run, "a").attempts.len();
            assert_eq!((paper.task_state(run, "a"), attempts), (TaskState::Succeeded, 1));
        } else {
            without_one(&mut paper, LOST_AFTER_MS + 5_000);
            assert_eq!(paper.open_attempt(run, "a").0.number, 2, "now its silence says something");
        }
    }
}

#[test]
fn a_restart_of_the_scheduler_takes_nothing_from_the_time_that_is_waited() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(EXCLUSIVE);
    without_one(&mut paper, LOST_AFTER_MS - 10_000);
    paper.restart();
    without_one(&mut paper, LOST_AFTER_MS - 1_000);
    assert_eq!(paper.open_attempt(run, "a").0.number, 1);
    without_one(&mut paper, 5_000);
    assert_eq!(paper.open_attempt(run, "a").0.number, 2);
}

#[test]
fn what_was_given_up_early_is_waited_for_also_over_a_restart() {
    for restarts in [false, true] {
        let mut paper = Paper::with_executor();
        let run = paper.submit(EXCLUSIVE);
        without_one(&mut paper, 20_000);
        paper.take(Input::Forget("one".parse().unwrap()));
        without_one(&mut paper, 5_000);
        let task = paper.task(run, "a");
        assert_eq!((task.state, task.attempts.len()), (TaskState::Waiting, 1), "an operator may be wrong");
        let why = task.wait_reason.clone().unwrap();
        assert!(why.contains("exclusive") && why.contains("executor one"), "{why}");
        if restarts {
            paper.restart();
        }
        without_one(&mut paper, if restarts { LOST_AFTER_MS - 1_000 } else { LOST_AFTER_MS - 27_000 });
        assert_eq!(paper.task(run, "a").attempts.len(), 1, "restarts: {restarts}");
        without_one(&mut paper, 5_000);
        assert_eq!(paper.open_attempt(run, "a").0.number, 2, "restarts: {restarts}");
        assert_eq!(paper.task(run, "a").wait_reason, None);
    }
}

#[test]
fn an_executor_that_is_back_with_an_empty_disk_says_when_the_task_may_go_on() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(EXCLUSIVE);
    let (attempt, fence, executor) = paper.open_attempt(run, "a");
    let mut empty = paper.heartbeat("one", 4);
    (empty.journal, empty.attempts) = ("another".to_owned(), Vec::new());
    paper.commands.clear();
    paper.now = paper.now.plus_ms(1_000);
    empty.sent_at = paper.now;
    paper.take(Input::Heartbeat(Box::new(empty)));
    assert!(matches!(&paper.commands[..], [.., Command::Stop { attempt: told, .. }] if *told == attempt));
    without_one(&mut paper, 5_000);
    assert_eq!(paper.task_state(run, "a"), TaskState::Waiting);
    let end = Box::new(ended(Outcome::Cancelled, Cause::System, Some(Reason::Fenced)));
    paper.take(Input::Report { executor, report: Report { attempt, fence, phase: Phase::Ended { end } } });
    assert_eq!(paper.open_attempt(run, "a").0.number, 2);
}

#[test]
fn an_exclusive_run_on_a_dead_machine_is_cancelled_when_the_time_is_over_and_nobody_is_asked() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(EXCLUSIVE);
    paper.take(Input::Command { run, command: RunCommand::Cancel { reason: None } });
    without_one(&mut paper, LOST_AFTER_MS - 1_000);
    assert_eq!(paper.state(run), RunState::Cancelling);
    without_one(&mut paper, 5_000);
    assert_eq!(paper.state(run), RunState::Cancelled);
}

#[test]
fn no_exclusive_task_goes_to_an_executor_that_does_not_end_it_by_itself() {
    let mut paper = Paper::new();
    let mut old = paper.heartbeat("one", 4);
    old.fences = false;
    paper.take(Input::Heartbeat(Box::new(old)));
    let run = paper.submit(EXCLUSIVE);
    assert_eq!(paper.task_state(run, "a"), TaskState::Queued);
    let why = paper.planner.explain(run, Timestamp(paper.now.0));
    assert!(why[0].wait_reason.contains("cannot carry out exclusive tasks"), "{why:?}");
    paper.beat("two", 4);
    assert_eq!(paper.open_attempt(run, "a").2.as_str(), "two");
}
