//! Stories of gangs.

use emboflow_model::state::{Cause, Outcome, Reason, RunState, TaskState};
use emboflow_model::{RunId, Timestamp};
use emboflow_protocol::command::Command;

use super::input::{Input, RunCommand};
use super::placement_tests::{beat_with, executor_of, workflow};
use super::testing::{Paper, ended};

fn gang(members: u32, more: &str) -> String {
    workflow(&format!("  train: {{ replicas: {members}, gang: true{more} }}\n"))
}

fn preempted_by(reason: Reason) -> emboflow_model::transition::AttemptEnd {
    ended(Outcome::Cancelled, Cause::Policy, Some(reason))
}

fn stopped(paper: &Paper, run: RunId, task: &str) -> Option<Reason> {
    paper.task(run, task).attempts.last().unwrap().stopping
}

#[test]
fn replicas_start_one_by_one_and_a_gang_as_a_whole_or_not_at_all() {
    let mut paper = Paper::new();
    paper.beat("one", 2);
    let replicas = paper.submit(&workflow("  train: { replicas: 3 }\n"));
    assert_eq!(paper.states(replicas), "train[0]=active train[1]=active train[2]=queued");
    let mut paper = Paper::new();
    paper.beat("one", 2);
    let run = paper.submit(&gang(3, ""));
    assert_eq!(paper.states(run), "train[0]=queued train[1]=queued train[2]=queued");
    let waits = paper.task(run, "train[2]").wait_reason.clone().unwrap();
    assert!(waits.contains("3 start together"), "{waits}");
    let before = paper.log.len();
    paper.beat("two", 1);
    assert_eq!(paper.states(run), "train[0]=active train[1]=active train[2]=active");
    assert_eq!(paper.log.len(), before + 1, "one transition opens all of it");
    let replica = paper.commands.iter().filter_map(|command| match command {
        Command::Start(start) => start.spec.replica,
        _ => None,
    });
    let replica: Vec<_> = replica.map(|replica| (replica.index, replica.count)).collect();
    assert_eq!(replica, [(0, 3), (1, 3), (2, 3)]);
}

#[test]
fn a_gang_goes_to_few_executors_or_to_different_ones_if_the_file_says_so() {
    let hosts = |more: &str| {
        let mut paper = Paper::new();
        for name in ["one", "two", "three"] {
            paper.beat(name, 4);
        }
        let run = paper.submit(&gang(3, more));
        let hosts: std::collections::BTreeSet<_> =
            (0..3).map(|index| executor_of(&paper, run, &format!("train[{index}]"))).collect();
        hosts.len()
    };
    assert_eq!(hosts(""), 1);
    assert_eq!(hosts(", placement: { spread: host }"), 3);
    assert_eq!(hosts(", placement: { anti_affinity: host }"), 3);
}

#[test]
fn when_a_member_fails_the_others_are_stopped_and_all_try_again_together() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&gang(3, ", retry: { attempts: 2, delay: 4s }"));
    paper.commands.clear();
    paper.fail(run, "train[1]");
    assert!(matches!(
        &paper.commands[..],
        [Command::Release { .. }, Command::Stop { .. }, Command::Stop { .. }]
            | [Command::Stop { .. }, Command::Stop { .. }, Command::Release { .. }]
    ));
    assert_eq!(stopped(&paper, run, "train[0]"), Some(Reason::GangFailed));
    paper.end(run, "train[0]", preempted_by(Reason::GangFailed));
    paper.pass_ms(5_000);
    assert_eq!(
        paper.states(run),
        "train[0]=waiting train[1]=waiting train[2]=active",
        "one has not stopped yet"
    );
    paper.end(run, "train[2]", preempted_by(Reason::GangFailed));
    paper.pass_ms(0);
    assert_eq!(paper.states(run), "train[0]=active train[1]=active train[2]=active");
    // The second round uses up the attempts, whoever fails in it.
    paper.fail(run, "train[2]");
    for member in ["train[0]", "train[1]"] {
        paper.end(run, member, preempted_by(Reason::GangFailed));
    }
    assert_eq!(paper.states(run), "train[0]=failed train[1]=failed train[2]=failed");
    assert_eq!(paper.task(run, "train[0]").reason, Some(Reason::GangFailed));
    assert_eq!(paper.task(run, "train[2]").reason, Some(Reason::ExitCode));
    assert_eq!(paper.state(run), RunState::Failed);
}

#[test]
fn what_a_member_fails_of_after_its_gang_was_stopped_costs_no_attempt() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&gang(2, ", retry: { attempts: 2, delay: 1s }"));
    for round in 1..=3 {
        paper.end(run, "train[0]", ended(Outcome::Lost, Cause::Infra, Some(Reason::ExecutorLost)));
        // It lost its peer and ended with a code of its own before it was told to stop.
        paper.fail(run, "train[1]");
        paper.pass_ms(10_000);
        paper.beat("one", 4);
        assert_eq!(paper.states(run), "train[0]=active train[1]=active", "round {round}");
    }
}

#[test]
fn a_member_that_ends_well_while_its_gang_fails_runs_again_with_the_others() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&gang(2, ", retry: { attempts: 2, delay: 1s }"));
    paper.fail(run, "train[0]");
    paper.succeed(run, "train[1]");
    assert_eq!(paper.states(run), "train[0]=waiting train[1]=waiting");
    let end = paper.task(run, "train[1]").attempts[0].end.clone().unwrap();
    assert_eq!((end.outcome, end.reason), (Outcome::Cancelled, Some(Reason::GangFailed)));
    paper.pass_ms(2_000);
    assert_eq!(paper.states(run), "train[0]=active train[1]=active");
}

#[test]
fn a_gang_of_which_a_member_has_ended_well_does_not_start_again() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&gang(3, ", retry: { attempts: 5 }"));
    paper.succeed(run, "train[0]");
    paper.fail(run, "train[1]");
    paper.end(run, "train[2]", preempted_by(Reason::GangFailed));
    assert_eq!(paper.states(run), "train[0]=succeeded train[1]=failed train[2]=failed");
    assert_eq!(paper.state(run), RunState::Failed);
}

#[test]
fn a_gang_survives_a_restart_wherever_it_stands() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&gang(2, ", retry: { attempts: 3, delay: 1s }"));
    paper.restart();
    paper.beat("one", 4);
    paper.fail(run, "train[0]");
    paper.restart();
    paper.beat("one", 4);
    paper.end(run, "train[1]", preempted_by(Reason::GangFailed));
    paper.restart();
    paper.beat("one", 4);
    paper.pass_ms(2_000);
    assert_eq!(paper.states(run), "train[0]=active train[1]=active");
    let waiting = paper.submit(&gang(4, ""));
    paper.restart();
    paper.beat("one", 4);
    paper.beat("two", 4);
    assert!((0..4).all(|index| paper.task_state(waiting, &format!("train[{index}]")) == TaskState::Active));
}

#[test]
fn a_cancelled_gang_ends_whether_it_waits_or_runs() {
    let mut paper = Paper::with_executor();
    let waiting = paper.submit(&gang(9, ""));
    paper.take(Input::Command { run: waiting, command: RunCommand::Cancel { reason: None } });
    assert_eq!(paper.state(waiting), RunState::Cancelled);
    assert_eq!(paper.planner.queued_tasks(), 0);
    let running = paper.submit(&gang(2, ""));
    paper.fail(running, "train[0]");
    paper.take(Input::Command { run: running, command: RunCommand::Cancel { reason: None } });
    paper.end(running, "train[1]", preempted_by(Reason::Cancelled));
    assert!(paper.state(running).is_terminal());
}

#[test]
fn room_drains_towards_a_waiting_gang_and_only_what_it_does_not_need_is_given_away() {
    let mut paper = Paper::new();
    paper.beat("one", 4);
    let old: Vec<RunId> = (0..3).map(|_| paper.submit(&workflow("  a: {}\n"))).collect();
    let train = paper.submit(&gang(4, ""));
    assert_eq!(paper.task_state(train, "train[0]"), TaskState::Queued);
    let passing = paper.submit(&workflow("  a: {}\n"));
    assert_eq!(paper.task_state(passing, "a"), TaskState::Queued, "the free core is kept");
    let why = paper.planner.explain(passing, paper.now).remove(0).wait_reason;
    assert!(why.contains("kept for train"), "{why}");
    // An executor that the gang does not need is nobody's.
    paper.beat("two", 2);
    assert_eq!(executor_of(&paper, passing, "a"), "two");
    for run in old {
        paper.succeed(run, "a");
    }
    assert!((0..4).all(|index| paper.task_state(train, &format!("train[{index}]")) == TaskState::Active));
}

#[test]
fn what_ends_before_the_gang_could_start_may_use_its_room() {
    let mut paper = Paper::new();
    paper.beat("one", 4);
    let long = paper.submit(&workflow("  a: { timeout: 10m }\n"));
    let train = paper.submit(&gang(4, ""));
    let short = paper.submit(&workflow("  a: { timeout: 5m }\n"));
    let late = paper.submit(&workflow("  a: { timeout: 11m }\n"));
    let endless = paper.submit(&workflow("  a: {}\n"));
    assert_eq!(paper.task_state(short, "a"), TaskState::Active, "it ends in time");
    assert_eq!(paper.task_state(late, "a"), TaskState::Queued);
    assert_eq!(paper.task_state(endless, "a"), TaskState::Queued);
    let why = paper.planner.explain(train, paper.now).remove(0).wait_reason;
    let at = Timestamp(paper.now.0 + 600_000);
    assert!(why.contains(&format!("expected at {at}")), "{why}");
    paper.succeed(short, "a");
    paper.succeed(long, "a");
    assert_eq!(paper.task_state(train, "train[3]"), TaskState::Active);
}

#[test]
fn a_gang_that_fits_nowhere_keeps_nobody_waiting_and_says_so() {
    let mut paper = Paper::new();
    paper.beat("one", 4);
    let train = paper.submit(&gang(5, ""));
    let run = paper.submit(&workflow("  a: {}\n"));
    assert_eq!(paper.task_state(run, "a"), TaskState::Active);
    let why = paper.planner.explain(train, paper.now).remove(0).wait_reason;
    assert!(why.contains("5 start together"), "{why}");
}

#[test]
fn a_gang_is_repeated_as_a_whole() {
    let mut paper = Paper::with_executor();
    let source = gang(2, "");
    let run = paper.submit(&source);
    paper.succeed(run, "train[0]");
    paper.fail(run, "train[1]");
    assert_eq!(paper.state(run), RunState::Failed);
    let submission = paper.submission(&source);
    let (old, again) = (paper.run(run).clone(), submission.run);
    paper.take(Input::Recover { old: Box::new(old), tasks: Vec::new(), submission: Box::new(submission) });
    assert_eq!(paper.states(again), "train[0]=active train[1]=active");
}

#[test]
fn members_of_a_gang_get_devices_of_their_own() {
    let mut paper = Paper::new();
    let gpus = [("gpu-a", "T4"), ("gpu-b", "T4"), ("gpu-c", "T4")];
    beat_with(&mut paper, "one", 8, |beat| super::placement_tests::with_gpus(beat, &gpus));
    let run = paper.submit(&gang(2, ", resources: { gpu: 1 }"));
    let devices: std::collections::BTreeSet<_> = (0..2)
        .flat_map(|index| paper.task(run, &format!("train[{index}]")).open_attempt().unwrap().devices.clone())
        .collect();
    assert_eq!(devices.len(), 2);
    let next = paper.submit(&gang(2, ", resources: { gpu: 1 }"));
    assert_eq!(paper.states(next), "train[0]=queued train[1]=queued", "one is left, and it is not enough");
}
