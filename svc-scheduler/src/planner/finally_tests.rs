//! Stories of tasks that follow all others.

use emboflow_model::state::{Cause, Outcome, Reason, RunState, TaskState};
use emboflow_protocol::command::Command;

use super::testing::{Paper, ended};
use super::*;

fn workflow(tasks: &str) -> String {
    format!("version: 1\nname: story\ndefaults: {{ image: busybox }}\ntasks:\n{tasks}")
}

/// `work`, and what follows it.
fn lastly() -> String {
    workflow(
        "  a: {}\n  b: { needs: [a] }\n  tidy: { finally: always }\n  alarm: { finally: failure, needs: [tidy] }\n",
    )
}

fn stopped() -> emboflow_model::transition::AttemptEnd {
    ended(Outcome::Cancelled, Cause::Policy, Some(Reason::Cancelled))
}

fn cancel(paper: &mut Paper, run: RunId) {
    paper.take(Input::Command { run, command: RunCommand::Cancel { reason: None } });
}

/// What the newest command to start a task says the run has come to.
fn told_outcome(paper: &Paper) -> Option<String> {
    let starts = paper.commands.iter().rev().find_map(|command| match command {
        Command::Start(start) => Some(start),
        _ => None,
    });
    starts?.spec.env.get("EMBOFLOW_RUN_OUTCOME").cloned()
}

#[test]
fn it_follows_when_all_others_have_ended_well_and_the_run_ends_after_it() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&lastly());
    assert_eq!(told_outcome(&paper), None, "nobody else is told");
    let waits = paper.planner.explain(run, paper.now);
    assert!(waits.iter().any(|wait| wait.wait_reason == "waiting for all other tasks to end"), "{waits:?}");
    paper.succeed(run, "a");
    assert_eq!(paper.states(run), "a=succeeded b=active tidy=waiting alarm=waiting");
    paper.succeed(run, "b");
    assert_eq!(paper.states(run), "a=succeeded b=succeeded tidy=active alarm=waiting");
    assert_eq!((paper.state(run), told_outcome(&paper).as_deref()), (RunState::Running, Some("succeeded")));
    paper.succeed(run, "tidy");
    assert_eq!(paper.task_state(run, "alarm"), TaskState::Skipped);
    assert_eq!(paper.state(run), RunState::Succeeded);
}

#[test]
fn after_a_failure_both_kinds_follow_and_the_run_stays_failed() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&lastly());
    paper.fail(run, "a");
    assert_eq!(paper.states(run), "a=failed b=upstream_failed tidy=active alarm=waiting");
    assert_eq!(told_outcome(&paper).as_deref(), Some("failed"));
    paper.succeed(run, "tidy");
    assert_eq!(paper.task_state(run, "alarm"), TaskState::Active);
    paper.succeed(run, "alarm");
    assert_eq!(paper.state(run), RunState::Failed);
    assert!(paper.run(run).summary.reason.as_ref().unwrap().starts_with("a failed"));
}

#[test]
fn its_own_failure_fails_a_run_that_had_ended_well() {
    let mut paper = Paper::with_executor();
    let run =
        paper.submit(&workflow("  a: {}\n  tidy: { finally: always, retry: { attempts: 2, delay: 1s } }\n"));
    paper.succeed(run, "a");
    paper.fail(run, "tidy");
    assert_eq!(paper.task_state(run, "tidy"), TaskState::Waiting, "it has its retries");
    paper.pass_ms(1_000);
    paper.fail(run, "tidy");
    assert_eq!(paper.state(run), RunState::Failed);
    assert!(paper.run(run).summary.reason.as_ref().unwrap().starts_with("tidy failed"));
}

#[test]
fn a_cancelled_run_still_has_it_and_ends_when_nothing_of_it_runs() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&lastly());
    cancel(&mut paper, run);
    assert_eq!(paper.states(run), "a=active b=cancelled tidy=waiting alarm=waiting");
    paper.restart();
    paper.beat("one", 4);
    paper.end(run, "a", stopped());
    assert_eq!(paper.states(run), "a=cancelled b=cancelled tidy=active alarm=waiting");
    assert_eq!(
        (paper.state(run), told_outcome(&paper).as_deref()),
        (RunState::Cancelling, Some("cancelled"))
    );
    cancel(&mut paper, run);
    assert_eq!(paper.task(run, "tidy").open_attempt().unwrap().stopping, None, "asked twice is asked once");
    paper.end(run, "tidy", ended(Outcome::Lost, Cause::Infra, Some(Reason::RuntimeFailed)));
    assert_eq!(paper.task_state(run, "tidy"), TaskState::Waiting, "what a machine loses is tried again");
    paper.pass_ms(2_000);
    paper.restart();
    paper.beat("one", 4);
    paper.succeed(run, "tidy");
    assert_eq!(paper.task_state(run, "alarm"), TaskState::Skipped, "a cancel is no failure");
    assert_eq!(paper.state(run), RunState::Cancelled);
}

#[test]
fn a_silent_executor_loses_it_as_it_would_any_task_although_the_run_is_cancelled() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&lastly());
    cancel(&mut paper, run);
    paper.end(run, "a", stopped());
    paper.pass_ms(59_000);
    paper.beat("two", 4);
    paper.pass_ms(3_000);
    let (second, _, executor) = paper.open_attempt(run, "tidy");
    assert_eq!((second.number, executor.as_str()), (2, "two"));
}

#[test]
fn a_cancel_that_leaves_it_out_stops_it_in_any_state() {
    let whole = |run| Input::Command { run, command: RunCommand::CancelWhole { reason: None } };
    let mut paper = Paper::with_executor();
    let run = paper.submit(&lastly());
    paper.take(whole(run));
    assert_eq!(paper.states(run), "a=active b=cancelled tidy=cancelled alarm=cancelled");
    paper.end(run, "a", stopped());
    assert_eq!(paper.state(run), RunState::Cancelled);

    let run = paper.submit(&lastly());
    cancel(&mut paper, run);
    paper.end(run, "a", stopped());
    paper.commands.clear();
    assert!(paper.planner.has_finals_left(run));
    paper.take(whole(run));
    assert!(!paper.planner.has_finals_left(run), "all of it has been told");
    assert!(matches!(paper.commands[..], [Command::Stop { reason: Reason::Cancelled, .. }]));
    paper.restart();
    paper.beat("one", 4);
    paper.end(run, "tidy", stopped());
    assert_eq!(paper.states(run), "a=cancelled b=cancelled tidy=cancelled alarm=cancelled");
    assert_eq!(paper.state(run), RunState::Cancelled);
}

#[test]
fn a_cancel_while_it_runs_lets_it_end_and_the_run_ends_cancelled() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&lastly());
    paper.succeed(run, "a");
    paper.succeed(run, "b");
    cancel(&mut paper, run);
    assert_eq!((paper.state(run), paper.task_state(run, "tidy")), (RunState::Cancelling, TaskState::Active));
    paper.succeed(run, "tidy");
    assert_eq!(paper.state(run), RunState::Cancelled);
}

#[test]
fn a_run_of_which_nothing_has_started_has_nothing_to_tidy_up() {
    let mut paper = Paper::new();
    let run = paper.submit(&lastly());
    cancel(&mut paper, run);
    assert_eq!(paper.state(run), RunState::Cancelled);
    assert!(paper.run(run).tasks.values().all(|task| task.state == TaskState::Cancelled));
}

#[test]
fn the_runs_time_limit_is_not_for_it() {
    let mut paper = Paper::with_executor();
    let source = lastly().replace("name: story", "name: story\ntimeout: 1m");
    let run = paper.submit(&source);
    paper.pass_ms(30_000);
    paper.beat("one", 4);
    paper.pass_ms(30_000);
    paper.end(run, "a", ended(Outcome::TimedOut, Cause::User, Some(Reason::RunTimeout)));
    assert_eq!(paper.states(run), "a=failed b=cancelled tidy=active alarm=waiting");
    assert_eq!(told_outcome(&paper).as_deref(), Some("timed_out"));
    paper.restart();
    paper.beat("one", 4);
    paper.pass_ms(10_000);
    paper.succeed(run, "tidy");
    paper.succeed(run, "alarm");
    assert_eq!(paper.state(run), RunState::TimedOut);

    let run = paper.submit(&source);
    paper.succeed(run, "a");
    paper.succeed(run, "b");
    for _ in 0..3 {
        paper.pass_ms(30_000);
        paper.beat("one", 4);
    }
    assert_eq!(paper.task(run, "tidy").open_attempt().unwrap().stopping, None);
    paper.succeed(run, "tidy");
    assert_eq!(paper.state(run), RunState::Succeeded, "the work was done in time");
}

#[test]
fn what_fails_the_run_at_once_leaves_it_its_turn() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow(
        "  a: { exit_codes: { fail_run: [9] } }\n  b: {}\n  tidy: { finally: failure, exit_codes: { fail_run: [9] } }\n",
    ));
    let code = |end| emboflow_model::transition::AttemptEnd { exit_code: Some(9), ..end };
    let failed = || code(ended(Outcome::Failed, Cause::User, Some(Reason::ExitCode)));
    paper.end(run, "a", failed());
    assert_eq!(paper.states(run), "a=failed b=active tidy=waiting");
    paper.end(run, "b", stopped());
    assert_eq!(paper.states(run), "a=failed b=cancelled tidy=active");
    paper.end(run, "tidy", failed());
    assert_eq!((paper.state(run), paper.task_state(run, "tidy")), (RunState::Failed, TaskState::Failed));
}

#[test]
fn its_condition_may_look_at_the_outcome_and_its_variables_carry_it() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow(
        "  a: {}\n  no: { finally: always, if: \"${{ run.outcome == 'cancelled' }}\" }\n  bad: { finally: always, if: \"${{ failure() }}\" }\n  \
         tell: { finally: always, needs: [a], env: { WHAT: \"${{ run.outcome }} ${{ tasks.a.state }}\" } }\n",
    ));
    paper.fail(run, "a");
    assert_eq!(paper.states(run), "a=failed no=skipped bad=active tell=active");
    let told: Vec<_> = paper
        .commands
        .iter()
        .filter_map(|command| match command {
            Command::Start(start) => start.spec.env.get("WHAT").cloned(),
            _ => None,
        })
        .collect();
    assert_eq!(told, ["failed failed"]);
}

#[test]
fn a_paused_run_starts_it_when_it_goes_on_or_is_cancelled() {
    let mut paper = Paper::with_executor();
    for cancels in [false, true] {
        let run = paper.submit(&workflow("  a: {}\n  tidy: { finally: always }\n"));
        paper.take(Input::Command { run, command: RunCommand::Pause { reason: None } });
        paper.succeed(run, "a");
        assert_eq!(paper.task_state(run, "tidy"), TaskState::Queued);
        let command = if cancels { RunCommand::Cancel { reason: None } } else { RunCommand::Resume };
        paper.take(Input::Command { run, command });
        assert_eq!(paper.task_state(run, "tidy"), TaskState::Active);
        paper.succeed(run, "tidy");
        let state = if cancels { RunState::Cancelled } else { RunState::Succeeded };
        assert_eq!(paper.state(run), state);
    }
}

#[test]
fn a_repeated_run_has_it_again_whatever_became_of_it() {
    let mut paper = Paper::with_executor();
    let source = workflow("  a: {}\n  b: { needs: [a] }\n  tidy: { finally: always }\n");
    let old = paper.submit(&source);
    paper.succeed(old, "a");
    paper.fail(old, "b");
    paper.succeed(old, "tidy");
    let before = paper.run(old).clone();
    let mut submission = paper.submission(&source);
    submission.accepted.recovered_from = Some(old);
    let run = submission.run;
    paper.take(Input::Recover { old: Box::new(before), tasks: Vec::new(), submission: Box::new(submission) });
    assert_eq!(paper.states(run), "a=cached b=active tidy=waiting");
    paper.succeed(run, "b");
    paper.succeed(run, "tidy");
    assert_eq!(paper.state(run), RunState::Succeeded);
}

#[test]
fn a_planner_that_dies_at_any_moment_of_the_end_goes_on_from_the_log() {
    for death in 0..5 {
        let mut paper = Paper::with_executor();
        let run = paper.submit(&lastly());
        let story: [&dyn Fn(&mut Paper); 5] = [
            &|paper| paper.succeed(run, "a"),
            &|paper| paper.fail(run, "b"),
            &|paper| paper.pass_ms(100),
            &|paper| paper.succeed(run, "tidy"),
            &|paper| paper.succeed(run, "alarm"),
        ];
        for (moment, event) in story.iter().enumerate() {
            if moment == death {
                paper.restart();
                paper.beat("one", 4);
            }
            event(&mut paper);
        }
        assert_eq!(paper.state(run), RunState::Failed, "died before event {death}: {}", paper.states(run));
    }
}

#[test]
fn a_run_without_any_work_to_do_has_it_at_once() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow("  a: { if: '${{ false }}' }\n  tidy: { finally: always }\n"));
    assert_eq!(paper.states(run), "a=skipped tidy=active");
    paper.succeed(run, "tidy");
    assert_eq!(paper.state(run), RunState::Succeeded);
}
