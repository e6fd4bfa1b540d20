//! Stories about executors that an operator keeps work away from.

use emboflow_model::cordon::{Cordon, Drain};
use emboflow_model::state::{Cause, Outcome, Reason, TaskState};
use emboflow_model::{PoolName, RunId, Timestamp};
use emboflow_protocol::command::Command;

use super::explain::WaitKind;
use super::input::Input;
use super::placement_tests::workflow;
use super::testing::{Paper, ended};

fn cordon(paper: &mut Paper, executor: &str, drain: Option<Drain>) {
    let cordon = Cordon { reason: "new disks".into(), since: paper.now, by: "user:anna".into(), drain };
    paper.take(Input::Cordons([(executor.parse().unwrap(), cordon)].into()));
}

fn drain_within_ms(paper: &mut Paper, executor: &str, ms: u64) {
    let deadline = Some(paper.now.plus_ms(ms));
    cordon(paper, executor, Some(Drain { deadline }));
}

fn uncordon(paper: &mut Paper) {
    paper.take(Input::Cordons(super::Cordons::new()));
}

fn one_task() -> String {
    workflow("  a: {}\n")
}

fn wait_reason(paper: &Paper, run: RunId) -> String {
    paper.planner.explain(run, paper.now).remove(0).wait_reason
}

fn executor_of(paper: &Paper, run: RunId) -> String {
    paper.open_attempt(run, "a").2.to_string()
}

fn stopping(paper: &Paper, run: RunId) -> Option<Reason> {
    paper.task(run, "a").open_attempt().unwrap().stopping
}

fn open_on(paper: &Paper, executor: &str) -> usize {
    let executor = executor.parse().unwrap();
    paper.planner.cordon_figures().find(|(id, _)| *id == executor).unwrap().1
}

/// The executor says that it has stopped it, in its own words.
fn end_drained(paper: &mut Paper, run: RunId) {
    paper.end(run, "a", ended(Outcome::Preempted, Cause::Infra, Some(Reason::Drained)));
}

#[test]
fn a_cordoned_executor_ends_what_it_has_and_is_given_nothing_new_until_it_is_uncordoned() {
    let mut paper = Paper::with_executor();
    let runs = paper.submit(&one_task());
    cordon(&mut paper, "one", None);
    assert_eq!((paper.task_state(runs, "a"), stopping(&paper, runs)), (TaskState::Active, None));
    let waits = paper.submit(&one_task());
    assert_eq!(paper.task_state(waits, "a"), TaskState::Queued);
    assert_eq!(
        wait_reason(&paper, waits),
        "no executor in pool default takes it: executor one is cordoned: new disks"
    );
    assert!(paper.planner.waiting(paper.now).any(|(kind, count)| (kind, count) == (WaitKind::Cordoned, 1)));
    let verdict = paper.planner.verdicts(waits, &"a".parse().unwrap(), paper.now).remove(0);
    assert_eq!((verdict.fits, verdict.why.as_str()), (false, "executor one is cordoned: new disks"));
    assert_eq!(open_on(&paper, "one"), 1);
    paper.succeed(runs, "a");
    paper.pass_ms(3_600_000);
    paper.beat("one", 4);
    assert_eq!((paper.task_state(waits, "a"), open_on(&paper, "one")), (TaskState::Queued, 0));
    uncordon(&mut paper);
    assert_eq!(paper.task_state(waits, "a"), TaskState::Active);
}

#[test]
fn others_of_the_pool_take_the_work_and_those_that_do_not_match_are_not_blamed() {
    let mut paper = Paper::with_executor();
    cordon(&mut paper, "one", None);
    paper.beat("two", 1);
    let small = paper.submit(&one_task());
    assert_eq!(executor_of(&paper, small), "two");
    let large = paper.submit(&workflow("  a: { resources: { cpu: 4 } }\n"));
    assert!(wait_reason(&paper, large).contains("executor one is cordoned"), "only that one is large enough");
    let huge = paper.submit(&workflow("  a: { resources: { cpu: 40 } }\n"));
    assert!(wait_reason(&paper, huge).contains("no executor is large enough"));
}

#[test]
fn a_cordon_may_come_before_the_executor() {
    let mut paper = Paper::new();
    cordon(&mut paper, "one", None);
    paper.beat("one", 4);
    let run = paper.submit(&one_task());
    assert_eq!((paper.task_state(run, "a"), open_on(&paper, "one")), (TaskState::Queued, 0));
}

#[test]
fn without_a_deadline_a_drain_waits_for_what_runs() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&one_task());
    cordon(&mut paper, "one", Some(Drain::default()));
    for _ in 0..100 {
        paper.pass_ms(10_000);
        paper.beat("one", 4);
    }
    assert_eq!(stopping(&paper, run), None);
}

#[test]
fn at_the_deadline_what_is_open_is_stopped_and_tried_elsewhere_for_free() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&one_task());
    drain_within_ms(&mut paper, "one", 10_000);
    paper.beat("two", 4);
    paper.pass_ms(9_999);
    assert_eq!(stopping(&paper, run), None);
    paper.pass_ms(1);
    assert_eq!(stopping(&paper, run), Some(Reason::Drained));
    assert!(matches!(paper.commands.last(), Some(Command::Stop { reason: Reason::Drained, .. })));
    end_drained(&mut paper, run);
    let first = paper.task(run, "a").attempts[0].end.clone().unwrap();
    assert_eq!((first.cause, first.reason), (Cause::Policy, Some(Reason::Drained)));
    paper.pass_ms(0);
    assert_eq!(executor_of(&paper, run), "two", "no retry was used up: the file allows none");
    assert_eq!(open_on(&paper, "one"), 0);
}

#[test]
fn however_often_its_executor_is_drained_a_task_fails_of_it_never() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&one_task());
    for round in 1..=20 {
        drain_within_ms(&mut paper, "one", 0);
        end_drained(&mut paper, run);
        assert_eq!(paper.task(run, "a").attempts.len(), round);
        uncordon(&mut paper);
        paper.pass_ms(0);
        assert_eq!(paper.task_state(run, "a"), TaskState::Active);
    }
}

#[test]
fn a_deadline_that_was_put_off_or_taken_back_stops_nothing() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&one_task());
    drain_within_ms(&mut paper, "one", 1_000);
    drain_within_ms(&mut paper, "one", 5_000);
    paper.pass_ms(4_000);
    assert_eq!(stopping(&paper, run), None);
    uncordon(&mut paper);
    paper.pass_ms(4_000);
    assert_eq!(stopping(&paper, run), None);
}

#[test]
fn a_deadline_that_passes_while_the_scheduler_is_away_holds_after_its_return() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&one_task());
    let deadline: Timestamp = paper.now.plus_ms(5_000);
    cordon(&mut paper, "one", Some(Drain { deadline: Some(deadline) }));
    paper.now = paper.now.plus_ms(60_000);
    paper.restart();
    cordon(&mut paper, "one", Some(Drain { deadline: Some(deadline) }));
    assert_eq!(stopping(&paper, run), Some(Reason::Drained));
    let told = paper.commands.len();
    paper.restart();
    cordon(&mut paper, "one", Some(Drain { deadline: Some(deadline) }));
    paper.beat("two", 4);
    assert!(told > 0 && stopping(&paper, run) == Some(Reason::Drained));
    end_drained(&mut paper, run);
    paper.pass_ms(0);
    assert_eq!(executor_of(&paper, run), "two");
}

#[test]
fn a_task_that_ends_well_although_it_was_told_to_stop_has_ended_well() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&one_task());
    drain_within_ms(&mut paper, "one", 0);
    paper.succeed(run, "a");
    assert_eq!(paper.task_state(run, "a"), TaskState::Succeeded);
}

#[test]
fn all_of_a_gang_stops_when_one_of_its_executors_is_drained_and_starts_again_elsewhere() {
    let mut paper = Paper::new();
    paper.beat("one", 1);
    paper.beat("two", 1);
    let run = paper.submit(&workflow("  a: { replicas: 2, gang: true, resources: { cpu: 1 } }\n"));
    let on_one =
        (0..2).map(|i| format!("a[{i}]")).find(|task| paper.open_attempt(run, task).2.as_str() == "one");
    let on_one = on_one.unwrap();
    let other = if on_one == "a[0]" { "a[1]" } else { "a[0]" };
    drain_within_ms(&mut paper, "one", 0);
    paper.end(run, &on_one, ended(Outcome::Preempted, Cause::Infra, Some(Reason::Drained)));
    assert_eq!(paper.task(run, other).open_attempt().unwrap().stopping, Some(Reason::GangFailed));
    paper.end(run, other, ended(Outcome::Cancelled, Cause::Policy, Some(Reason::GangFailed)));
    paper.pass_ms(1_000);
    assert_eq!(paper.task_state(run, other), TaskState::Queued);
    paper.beat("three", 1);
    let executors = [0, 1].map(|i| paper.open_attempt(run, &format!("a[{i}]")).2.to_string());
    assert!(!executors.contains(&"one".to_owned()), "{executors:?}");
}

#[test]
fn a_pool_in_maintenance_starts_nothing_and_others_go_on() {
    let mut paper = Paper::with_executor();
    let pool: PoolName = "default".parse().unwrap();
    paper.take(Input::PoolMaintenance([(pool, "new switches".to_owned())].into()));
    let mut beat = paper.heartbeat("two", 4);
    beat.pool = "gpu".parse().unwrap();
    paper.take(Input::Heartbeat(Box::new(beat)));
    let waits = paper.submit(&one_task());
    let goes_on = paper.submit(&workflow("  a: { pool: gpu }\n"));
    assert_eq!(wait_reason(&paper, waits), "maintenance of pool default: new switches");
    assert_eq!(paper.task_state(goes_on, "a"), TaskState::Active);
    paper.take(Input::PoolMaintenance(Default::default()));
    assert_eq!(paper.task_state(waits, "a"), TaskState::Active);
}
