//! Stories of attempts that were given up unseen.

use emboflow_model::state::{Cause, Outcome, RunState, TaskState};
use emboflow_model::{AttemptId, ExecutorId, RunId};
use emboflow_protocol::command::Command;
use emboflow_protocol::report::{Phase, Report};

use super::input::{Input, RunCommand};
use super::testing::{Paper, ended};

const ONE_TASK: &str = "version: 1\nname: story\ndefaults: { image: busybox }\ntasks:\n  a: {}\n";

/// Executor `one` has fallen silent with the first attempt, and `two` has the second.
fn given_up(source: &str) -> (Paper, RunId, (AttemptId, u64, ExecutorId)) {
    let mut paper = Paper::with_executor();
    let run = paper.submit(source);
    let first = paper.open_attempt(run, "a");
    for _ in 0..70 {
        paper.beat("two", 4);
        paper.pass_ms(1_000);
    }
    let (second, _, executor) = paper.open_attempt(run, "a");
    assert_eq!((second.number, executor.as_str()), (2, "two"));
    (paper, run, first)
}

fn cancel(paper: &mut Paper, run: RunId) {
    paper.take(Input::Command { run, command: RunCommand::Cancel { reason: None } });
    paper.end(run, "a", ended(Outcome::Cancelled, Cause::Policy, None));
}

fn says_that_it_ended(paper: &mut Paper, (attempt, fence, executor): (AttemptId, u64, ExecutorId)) {
    let end = Box::new(ended(Outcome::Cancelled, Cause::Policy, None));
    let report = Report { attempt, fence, phase: Phase::Ended { end } };
    paper.take(Input::Report { executor, report });
}

#[test]
fn a_run_is_not_cancelled_while_a_lost_attempt_of_it_may_still_run() {
    let (mut paper, run, first) = given_up(ONE_TASK);
    cancel(&mut paper, run);
    assert_eq!((paper.state(run), paper.task_state(run, "a")), (RunState::Cancelling, TaskState::Cancelled));
    let why = paper.task(run, "a").wait_reason.clone().unwrap();
    assert!(why.contains("executor one is unreachable") && why.contains("attempt 1"), "{why}");
    paper.pass_ms(600_000);
    assert_eq!(paper.state(run), RunState::Cancelling, "time alone confirms nothing");

    paper.commands.clear();
    paper.beat("one", 4);
    assert!(matches!(&paper.commands[..], [Command::Stop { attempt, .. }] if *attempt == first.0));
    says_that_it_ended(&mut paper, first);
    assert_eq!(paper.state(run), RunState::Cancelled);
    assert!(paper.task(run, "a").attempts[0].gone_at.is_some());
    assert_eq!(paper.task(run, "a").wait_reason, None);
}

#[test]
fn what_may_still_run_is_known_after_a_restart() {
    let (mut paper, run, first) = given_up(ONE_TASK);
    cancel(&mut paper, run);
    paper.restart();
    paper.pass_ms(0);
    assert_eq!(paper.state(run), RunState::Cancelling);
    paper.beat("one", 4);
    assert!(matches!(&paper.commands[..], [Command::Stop { attempt, .. }] if *attempt == first.0));
    let (attempt, fence, executor) = first.clone();
    says_that_it_ended(&mut paper, (attempt, fence + 1, executor));
    assert_eq!(paper.state(run), RunState::Cancelling, "that was another one");
    says_that_it_ended(&mut paper, first);
    assert_eq!(paper.state(run), RunState::Cancelled);
}

#[test]
fn nothing_runs_on_an_executor_that_an_operator_has_forgotten() {
    let (mut paper, run, _) = given_up(ONE_TASK);
    cancel(&mut paper, run);
    paper.take(Input::Forget("one".parse().unwrap()));
    assert_eq!(paper.state(run), RunState::Cancelled);
    paper.beat("one", 4);
    assert_eq!(paper.planner.audit(|_| None, false), Ok(()));
}

#[test]
fn a_run_that_goes_well_waits_for_nothing_that_was_lost() {
    let (mut paper, run, first) = given_up(ONE_TASK);
    paper.succeed(run, "a");
    assert_eq!(paper.state(run), RunState::Succeeded);
    assert_eq!(paper.planner.audit(|_| None, false), Ok(()));
    paper.commands.clear();
    says_that_it_ended(&mut paper, first.clone());
    assert!(matches!(&paper.commands[..], [Command::Release { attempt, .. }] if *attempt == first.0));
}

#[test]
fn what_a_lost_attempt_says_when_it_is_back_changes_nothing_but_that_it_is_gone() {
    let (mut paper, run, (attempt, fence, executor)) = given_up(ONE_TASK);
    let end = Box::new(ended(Outcome::Succeeded, Cause::User, None));
    let report = Report { attempt, fence, phase: Phase::Ended { end } };
    paper.take(Input::Report { executor, report });
    let task = paper.task(run, "a");
    assert_eq!((task.state, task.attempts.len()), (TaskState::Active, 2));
    assert_eq!(task.attempts[0].end.as_ref().unwrap().outcome, Outcome::Lost);
    assert!(task.attempts[0].gone_at.is_some());
    paper.succeed(run, "a");
    assert_eq!(paper.state(run), RunState::Succeeded);
}
