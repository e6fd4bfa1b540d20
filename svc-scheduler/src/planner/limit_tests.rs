//! Stories of the time limits that the scheduler watches.

use emboflow_model::state::{Cause, Outcome, Reason, RunState, TaskState};
use emboflow_model::transition::Change;
use emboflow_protocol::command::Command;

use super::testing::{Paper, ended};
use super::*;

fn workflow(tasks: &str) -> String {
    format!("version: 1\nname: story\ndefaults: {{ image: busybox }}\ntasks:\n{tasks}")
}

fn timed_out() -> emboflow_model::transition::AttemptEnd {
    ended(Outcome::TimedOut, Cause::User, Some(Reason::RunTimeout))
}

/// Lets time pass without that an executor is taken for lost.
fn pass(paper: &mut Paper, ms: u64) {
    for _ in 0..ms / 10_000 {
        paper.pass_ms(10_000);
        paper.beat("one", 4);
    }
    paper.pass_ms(ms % 10_000);
}

#[test]
fn a_task_that_finds_no_place_in_time_fails_and_says_what_it_waited_for() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow(
        "  a: { resources: { cpu: 8 }, timeouts: { queue: 10m } }\n  tidy: { needs: [a], if: '${{ always() }}' }\n",
    ));
    let waits = paper.planner.explain(run, paper.now).remove(0).wait_reason;
    assert!(waits.contains("too little cpu; it fails if it still waits at"), "{waits}");
    pass(&mut paper, 599_999);
    assert_eq!(paper.task_state(run, "a"), TaskState::Queued);
    pass(&mut paper, 1);
    assert_eq!(paper.states(run), "a=failed tidy=active", "what follows has its place at once");
    let task = paper.task(run, "a");
    assert_eq!((task.reason, task.attempts.len()), (Some(Reason::QueueTimeout), 0));
    let message = task.message.clone().unwrap();
    assert!(message.contains("600 s") && message.contains("too little cpu"), "{message}");
}

#[test]
fn the_wait_is_measured_from_the_log_so_that_a_restart_changes_nothing() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow("  a: { resources: { cpu: 8 }, timeouts: { queue: 10m } }\n"));
    pass(&mut paper, 300_000);
    paper.restart();
    paper.beat("one", 4);
    pass(&mut paper, 299_999);
    assert_eq!(paper.task_state(run, "a"), TaskState::Queued);
    paper.restart();
    paper.beat("one", 4);
    pass(&mut paper, 10_000);
    assert_eq!(
        paper.task_state(run, "a"),
        TaskState::Queued,
        "a scheduler that starts first hears of executors"
    );
    pass(&mut paper, 5_001);
    assert_eq!(paper.task(run, "a").reason, Some(Reason::QueueTimeout));
}

#[test]
fn who_finds_a_place_after_the_schedulers_absence_is_not_too_late() {
    let mut paper = Paper::new();
    let run = paper.submit(&workflow("  a: { timeouts: { queue: 1m } }\n"));
    paper.now = paper.now.plus_ms(3_600_000);
    paper.beat("one", 4);
    assert_eq!(paper.task_state(run, "a"), TaskState::Active);
}

#[test]
fn each_wait_counts_for_itself() {
    let mut paper = Paper::with_executor();
    let run =
        paper.submit(&workflow("  a: { timeouts: { queue: 1m }, retry: { attempts: 2, delay: 1s } }\n"));
    pass(&mut paper, 120_000);
    assert_eq!(paper.task_state(run, "a"), TaskState::Active, "the limit is for the wait, not for the run");
    let other = paper.submit(&workflow("  b: { resources: { cpu: 3 } }\n"));
    let large = paper.submit(&workflow("  c: { resources: { cpu: 1 }, priority: 9 }\n"));
    assert_eq!(
        [paper.task_state(other, "b"), paper.task_state(large, "c")],
        [TaskState::Active, TaskState::Queued]
    );
    paper.fail(run, "a");
    pass(&mut paper, 30_000);
    assert_eq!(paper.task_state(run, "a"), TaskState::Queued, "its place is taken");
    paper.restart();
    paper.beat("one", 4);
    pass(&mut paper, 20_000);
    assert_eq!(paper.task_state(run, "a"), TaskState::Queued);
    pass(&mut paper, 20_000);
    assert_eq!(paper.task(run, "a").reason, Some(Reason::QueueTimeout));
    assert_eq!(paper.task(run, "a").attempts.len(), 1);
}

#[test]
fn a_pause_is_no_wait_for_a_place() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow("  a: {}\n  b: { needs: [a], timeouts: { queue: 1m } }\n"));
    paper.take(Input::Command { run, command: RunCommand::Pause { reason: None } });
    paper.succeed(run, "a");
    pass(&mut paper, 600_000);
    assert_eq!(paper.task_state(run, "b"), TaskState::Queued);
    paper.restart();
    pass(&mut paper, 600_000);
    // Nobody has room when it goes on.
    let crowd: Vec<_> = (0..4).map(|_| paper.submit(&workflow("  x: {}\n"))).collect();
    assert_eq!(paper.task_state(crowd[3], "x"), TaskState::Active);
    paper.take(Input::Command { run, command: RunCommand::Resume });
    pass(&mut paper, 50_000);
    assert_eq!(paper.task_state(run, "b"), TaskState::Queued);
    pass(&mut paper, 20_000);
    assert_eq!(paper.task(run, "b").reason, Some(Reason::QueueTimeout));
}

#[test]
fn a_wait_that_two_timers_find_over_at_once_ends_once() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow(
        "  a: { resources: { cpu: 8 }, timeouts: { queue: 1m } }\n  b: {}\n  c: { needs: [a, b], if: '${{ always() }}' }\n",
    ));
    paper.take(Input::Command { run, command: RunCommand::Pause { reason: None } });
    paper.be_away_ms(120_000);
    // A start watches the wait as it finds it; going on begins it anew.
    paper.restart();
    paper.take(Input::Command { run, command: RunCommand::Resume });
    paper.be_away_ms(120_000);
    assert_eq!(paper.states(run), "a=failed b=active c=waiting", "it waits for b still");
    let gave_up = |change: &&Change| matches!(change, Change::Task { to: TaskState::Failed, .. });
    let changes = paper.history(run).into_iter().flat_map(|transition| &transition.changes);
    assert_eq!(changes.filter(gave_up).count(), 1);
}

#[test]
fn those_held_back_by_max_parallel_give_up_without_taking_a_place_from_others() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow(
        "  a: { matrix: { i: [1, 2, 3] }, max_parallel: 1, timeouts: { queue: \"${{ matrix.i }}m\" } }\n",
    ));
    pass(&mut paper, 120_000);
    assert_eq!(paper.states(run), "a[0]=active a[1]=failed a[2]=queued");
    paper.succeed(run, "a[0]");
    assert_eq!(paper.states(run), "a[0]=succeeded a[1]=failed a[2]=active");
}

#[test]
fn a_gang_that_finds_no_room_in_time_fails_as_a_whole() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow("  a: { replicas: 5, gang: true, timeouts: { queue: 1m } }\n"));
    pass(&mut paper, 60_000);
    assert_eq!(paper.state(run), RunState::Failed);
    assert!(paper.run(run).tasks.values().all(|task| task.reason == Some(Reason::QueueTimeout)));
}

#[test]
fn no_timer_is_left_of_tasks_that_have_ended() {
    let mut paper = Paper::with_executor();
    for _ in 0..3 {
        let run = paper.submit(&workflow("  a: { timeouts: { queue: 1h, total: 2h } }\n"));
        paper.succeed(run, "a");
    }
    let far = paper.now.plus_ms(3_000_000);
    paper.pass_ms(60_000);
    assert!(paper.planner.next_timer().is_none_or(|at| at < far), "{:?}", paper.planner.next_timer());
}

#[test]
fn the_total_counts_all_attempts_and_waits_and_stops_what_runs() {
    let mut paper = Paper::with_executor();
    let run =
        paper.submit(&workflow("  a: { timeouts: { total: 5m }, retry: { attempts: 9, delay: 1m } }\n"));
    pass(&mut paper, 100_000);
    paper.fail(run, "a");
    pass(&mut paper, 100_000);
    assert_eq!(paper.task(run, "a").attempts.len(), 2);
    paper.restart();
    paper.beat("one", 4);
    paper.commands.clear();
    pass(&mut paper, 99_999);
    assert_eq!(paper.task(run, "a").open_attempt().unwrap().stopping, None);
    pass(&mut paper, 1);
    assert_eq!(paper.task(run, "a").open_attempt().unwrap().stopping, Some(Reason::TotalTimeout));
    let told = paper.commands.iter().find_map(|command| match command {
        Command::Stop { reason, .. } => Some(*reason),
        _ => None,
    });
    assert_eq!(told, Some(Reason::RunTimeout), "an executor only has to know that its time is over");
    paper.restart();
    paper.beat("one", 4);
    paper.end(run, "a", timed_out());
    let task = paper.task(run, "a");
    assert_eq!((task.state, task.reason), (TaskState::Failed, Some(Reason::TotalTimeout)));
    let end = task.attempts[1].end.as_ref().unwrap();
    assert_eq!((end.outcome, end.reason), (Outcome::TimedOut, Some(Reason::TotalTimeout)));
    assert!(task.message.as_ref().unwrap().contains("longer than 300 s (`timeouts.total`)"));
}

#[test]
fn a_success_that_comes_before_the_stop_stays_one() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow("  a: { timeouts: { total: 1m } }\n"));
    pass(&mut paper, 60_000);
    paper.succeed(run, "a");
    assert_eq!(paper.state(run), RunState::Succeeded);
}

#[test]
fn a_back_off_ends_with_the_total() {
    let mut paper = Paper::with_executor();
    let run =
        paper.submit(&workflow("  a: { timeouts: { total: 1m }, retry: { attempts: 2, delay: 1h } }\n"));
    paper.fail(run, "a");
    assert_eq!(paper.task_state(run, "a"), TaskState::Waiting);
    paper.restart();
    pass(&mut paper, 60_000);
    assert_eq!(paper.task(run, "a").reason, Some(Reason::TotalTimeout));
    pass(&mut paper, 3_600_000);
    assert_eq!(paper.state(run), RunState::Failed);
}

#[test]
fn what_a_machine_loses_after_the_total_is_not_tried_again() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow("  a: { timeouts: { total: 30s } }\n"));
    paper.pass_ms(29_000);
    paper.pass_ms(40_000);
    assert_eq!(paper.task(run, "a").reason, Some(Reason::TotalTimeout), "its executor fell silent");
}

#[test]
fn members_of_a_gang_share_the_total() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow("  a: { replicas: 2, gang: true, timeouts: { total: 1m } }\n"));
    pass(&mut paper, 60_000);
    paper.end(run, "a[0]", timed_out());
    paper.end(run, "a[1]", timed_out());
    assert_eq!(paper.state(run), RunState::Failed);
    assert!(paper.run(run).tasks.values().all(|task| task.reason == Some(Reason::TotalTimeout)));
}

#[test]
fn a_limit_that_comes_to_no_time_refuses_the_task() {
    let mut paper = Paper::with_executor();
    let source = "version: 1\nname: story\ndefaults: { image: busybox }\ninputs: { wait: { type: string, default: soon } }\n\
                  tasks:\n  a: { timeouts: { queue: '${{ inputs.wait }}' } }\n  b: {}\n";
    let run = paper.submit(source);
    assert_eq!(paper.states(run), "a=failed b=active");
    assert_eq!(paper.task(run, "a").reason, Some(Reason::SpecInvalid));
}
