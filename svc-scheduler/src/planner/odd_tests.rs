//! Stories of odd files, of many shapes, and of a scheduler that was away.

use emboflow_model::executor::{Heartbeat, HeldAttempt};
use emboflow_model::state::{Reason, RunState, TaskState};
use emboflow_protocol::command::Command;
use emboflow_protocol::report::{Phase, Report};

use super::testing::Paper;
use super::{Input, RunCommand};

fn workflow(tasks: &str) -> String {
    format!("version: 1\nname: odd\ndefaults: {{ image: busybox }}\ntasks:\n{tasks}")
}

#[test]
fn a_cancelled_run_leaves_nothing_in_the_lanes() {
    let mut paper = Paper::with_executor();
    let tasks = "  a: { matrix: { i: [1, 2, 3] }, labels: { n: \"v${{ matrix.i }}\" } }\n";
    let run = paper.submit(&workflow(tasks));
    assert_eq!(paper.planner.queued_tasks(), 3);
    assert!(paper.task(run, "a[2]").wait_reason.as_ref().unwrap().contains("n=v3"));
    paper.take(Input::Command { run, command: RunCommand::Cancel { reason: None } });
    assert_eq!((paper.state(run), paper.planner.queued_tasks()), (RunState::Cancelled, 0));
}

#[test]
fn a_burst_is_placed_in_several_steps_that_follow_at_once() {
    let mut paper = Paper::new();
    paper.beat("one", 1_000);
    paper.beat("two", 1_000);
    paper.beat("three", 1_000);
    paper.beat("four", 1_000);
    let run = paper.submit(&workflow("  a: { matrix: { i: \"${{ range(300) }}\" } }\n"));
    let active = |paper: &Paper| paper.run(run).summary.tasks.in_state(TaskState::Active);
    assert_eq!(active(&paper), 256);
    assert_eq!(paper.planner.next_timer(), Some(paper.now));
    paper.pass_ms(0);
    assert_eq!(active(&paper), 300);
    assert_ne!(paper.planner.next_timer(), Some(paper.now));
}

#[test]
fn a_field_that_cannot_be_evaluated_fails_its_task_when_it_would_start_and_lets_the_next_one_follow() {
    let mut paper = Paper::with_executor();
    let tasks = "  a:\n    matrix: { i: [0, 1] }\n    max_parallel: 1\n    env: { X: \"${{ 1 / matrix.i }}\" }\n  z: { needs: [a] }\n";
    let run = paper.submit(&workflow(tasks));
    paper.pass_ms(0);
    assert_eq!(paper.states(run), "a[0]=failed a[1]=active z=waiting");
    assert_eq!(paper.task(run, "a[0]").reason, Some(Reason::SpecInvalid));
    paper.succeed(run, "a[1]");
    assert_eq!(paper.states(run), "a[0]=failed a[1]=succeeded z=upstream_failed");
    assert_eq!(paper.state(run), RunState::Failed);
}

#[test]
fn a_run_of_nothing_but_such_tasks_ends() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow("  a: { env: { X: \"${{ 1 / 0 }}\" } }\n"));
    assert_eq!((paper.state(run), paper.planner.open_runs()), (RunState::Failed, 0));
}

#[test]
fn time_in_which_the_scheduler_was_away_is_nobodys_silence() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow("  a: {}\n"));
    paper.be_away_ms(66_000);
    assert_eq!(paper.task_state(run, "a"), TaskState::Active);
    paper.beat("one", 4);
    paper.pass_ms(59_000);
    assert_eq!(paper.task(run, "a").attempts.len(), 1);
    paper.pass_ms(2_000);
    assert!(!paper.task(run, "a").attempts[0].is_open(), "real silence is still noticed");
}

#[test]
fn what_ran_before_a_restart_counts_first_for_max_parallel() {
    let mut paper = Paper::with_executor();
    let tasks = "  a: { matrix: { i: [0, 1] }, max_parallel: 1, retry: { attempts: 2, delay: 1s } }\n";
    let run = paper.submit(&workflow(tasks));
    paper.fail(run, "a[0]");
    paper.pass_ms(3_000);
    assert_eq!(paper.states(run), "a[0]=queued a[1]=active");
    paper.restart();
    paper.beat("one", 4);
    assert_eq!(paper.states(run), "a[0]=queued a[1]=active");
    paper.succeed(run, "a[1]");
    assert_eq!(paper.states(run), "a[0]=active a[1]=succeeded");
}

#[test]
fn a_condition_about_inputs_does_not_hide_that_a_need_failed() {
    let mut paper = Paper::with_executor();
    let tasks = "  a: {}\n  b: { needs: [a], if: \"${{ 1 == 1 }}\" }\n  c: { needs: [a], if: \"${{ failure() && 1 == 2 }}\" }\n";
    let run = paper.submit(&workflow(tasks));
    paper.fail(run, "a");
    assert_eq!(paper.states(run), "a=failed b=upstream_failed c=skipped");
}

#[test]
fn the_time_limit_of_a_run_that_is_over_is_forgotten() {
    let mut paper = Paper::with_executor();
    let source = workflow("  a: {}\n").replace("name: odd", "name: odd\ntimeout: 7d");
    let run = paper.submit(&source);
    let limit = paper.now.plus_ms(7 * 24 * 3_600_000);
    paper.succeed(run, "a");
    paper.beat("one", 4);
    assert!(paper.planner.next_timer().is_none_or(|next| next < limit));
    paper.pass_ms(61_000);
    paper.pass_ms(61_000);
    assert_eq!(paper.planner.next_timer(), None);
}

#[test]
fn nobody_is_lost_while_nobody_can_be_heard_and_everybody_has_the_whole_time_again_afterwards() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow("  a: {}\n"));
    paper.take(Input::Hearing(false));
    for _ in 0..600 {
        paper.pass_ms(1_000);
    }
    assert_eq!(paper.task(run, "a").attempts.len(), 1, "NATS was away for ten minutes");
    paper.take(Input::Hearing(true));
    paper.pass_ms(59_000);
    assert_eq!(paper.open_attempt(run, "a").0.number, 1);
    paper.pass_ms(2_000);
    assert!(!paper.task(run, "a").attempts[0].is_open(), "it could have been heard for a minute");
}

#[test]
fn an_executor_that_no_longer_holds_what_it_began_shows_that_another_scheduler_may_have_decided() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow("  a: {}\n"));
    let mut without = paper.heartbeat("one", 4);
    without.attempts.clear();
    let hears = |paper: &mut Paper| paper.take(Input::Heartbeat(Box::new(without.clone()))).is_overtaken;
    assert!(!hears(&mut paper), "its command may still be on the way");
    let (attempt, fence, executor) = paper.open_attempt(run, "a");
    let phase = Phase::Preparing { at: paper.now };
    paper.take(Input::Report { executor, report: Report { attempt, fence, phase } });
    assert!(hears(&mut paper));
    paper.beat("one", 4);
    assert_eq!(paper.task_state(run, "a"), TaskState::Active, "only the log tells whether it is so");
}

/// The attempts that are to be started, by the commands of which nobody has taken note yet.
fn told_to_start(paper: &mut Paper) -> Vec<String> {
    let commands = std::mem::take(&mut paper.commands).into_iter();
    let started = commands.filter_map(|command| match command {
        Command::Start(start) => Some(start.attempt.task.to_string()),
        Command::Stop { .. } | Command::Release { .. } => None,
    });
    started.collect()
}

fn without_attempts(paper: &Paper) -> Heartbeat {
    Heartbeat { attempts: Vec::new(), ..paper.heartbeat("one", 4) }
}

#[test]
fn what_was_sent_before_nats_was_away_is_sent_again_at_the_first_heartbeat_after_it() {
    let mut paper = Paper::with_executor();
    paper.submit(&workflow("  a: {}\n"));
    assert_eq!(told_to_start(&mut paper), ["a"]);
    paper.pass_ms(100);
    let before = without_attempts(&paper);
    paper.take(Input::Heartbeat(Box::new(before)));
    assert_eq!(told_to_start(&mut paper), [""; 0], "it may still be on its way");
    paper.take(Input::Hearing(false));
    paper.pass_ms(300);
    paper.take(Input::Hearing(true));
    paper.submit(&workflow("  b: {}\n"));
    assert_eq!(told_to_start(&mut paper), ["b"]);
    let after = without_attempts(&paper);
    paper.take(Input::Heartbeat(Box::new(after)));
    assert_eq!(told_to_start(&mut paper), ["a"], "NATS may have lost it; the other is on its way");
    paper.beat("one", 4);
    assert_eq!(told_to_start(&mut paper), [""; 0], "it came");
}

#[test]
fn an_executor_that_was_started_again_is_sent_at_once_what_it_does_not_hold() {
    let mut paper = Paper::with_executor();
    paper.submit(&workflow("  a: {}\n"));
    assert_eq!(told_to_start(&mut paper), ["a"]);
    paper.pass_ms(100);
    let again = Heartbeat { incarnation: "2".to_owned(), ..without_attempts(&paper) };
    paper.take(Input::Heartbeat(Box::new(again)));
    assert_eq!(told_to_start(&mut paper), ["a"], "who has taken it from NATS may have died with it");
}

#[test]
fn who_has_read_half_of_a_batch_releases_nothing_of_its_other_half() {
    let mut paper = Paper::with_executor();
    let two = [paper.submission(&workflow("  a: {}\n")), paper.submission(&workflow("  a: {}\n"))];
    let second = two[1].run;
    paper.take_all(two.map(|one| Input::Submit(Box::new(one))).into());
    let (attempt, fence, executor) = paper.open_attempt(second, "a");
    paper.forget_entries_from(1);
    paper.restart();
    paper.beat("one", 4);
    paper.commands.clear();
    let held = HeldAttempt { attempt: attempt.clone(), fence };
    let beat = Heartbeat { attempts: vec![held], ..paper.heartbeat("one", 4) };
    let report = Report { attempt, fence, phase: Phase::Preparing { at: paper.now } };
    for shown in [Input::Report { executor, report }, Input::Heartbeat(Box::new(beat))] {
        assert!(paper.take(shown).is_overtaken, "the rest may have been stored since");
    }
    let released = |command: &Command| matches!(command, Command::Release { .. });
    assert!(!paper.commands.iter().any(released), "{:?}", paper.commands);
}
