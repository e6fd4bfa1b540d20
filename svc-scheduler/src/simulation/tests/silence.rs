//! What becomes of work when its executor cannot be reached: what was lost may still run, and what is exclusive does not.

use emboflow_model::RunId;
use emboflow_model::state::{Outcome, RunState, TaskState};
use emboflow_protocol::request::Verb;

use super::super::fault::Fault;
use super::super::scheduler::Condition;
use super::super::workload::{ENDLESS, EXCLUSIVE};
use super::stories::Story;

#[test]
fn a_run_is_not_cancelled_while_what_was_lost_of_it_still_runs_where_nobody_hears() {
    let (mut story, run, executor) = Story::begin().with_running(ENDLESS, "forever");
    story.on_stage(|stage| stage.silence(executor, true));
    story.until("it runs elsewhere too", |stage| {
        stage.witness.running().filter(|(_, attempt, _)| attempt.run == run).count() == 2
    });
    story.order(Verb::Cancel, run).unwrap();
    for _ in 0..3 {
        story.pass_ms(20_000);
        story.on_stage(|stage| stage.strike(Fault::KillScheduler, 100));
    }
    assert_eq!(story.run(run).summary.state, RunState::Cancelling);
    assert!(story.task(run, "forever").wait_reason.unwrap().contains("unreachable"));
    story.on_stage(|stage| stage.silence(executor, false));
    story.until_state(run, RunState::Cancelled);
    assert_eq!(story.on_stage(|stage| stage.witness.running().count()), 0);
    story.end();
}

/// A run whose exclusive task runs, and where.
fn with_exclusive_task() -> (Story, RunId, usize) {
    Story::begin().with_running(EXCLUSIVE, "long")
}

/// The judge sees to it that the first attempt has ended before the second starts.
fn runs_elsewhere(story: &mut Story, run: RunId, executor: usize) {
    story.until("it runs elsewhere", |stage| {
        stage.witness.running().any(|(index, attempt, _)| attempt.run == run && index != executor)
    });
}

fn ends_well(mut story: Story, run: RunId) {
    story.until_state(run, RunState::Succeeded);
    let task = story.task(run, "long");
    let outcomes: Vec<_> = task.attempts.iter().map(|one| one.end.as_ref().unwrap().outcome).collect();
    assert_eq!(outcomes, [Outcome::Lost, Outcome::Succeeded]);
    story.end();
}

#[test]
fn an_exclusive_task_is_ended_by_an_executor_that_nobody_hears_before_it_runs_elsewhere() {
    for (is_mute, is_deaf) in [(true, true), (true, false), (false, true)] {
        let (mut story, run, executor) = with_exclusive_task();
        story.on_stage(|stage| {
            (stage.executors[executor].is_mute, stage.executors[executor].is_deaf) = (is_mute, is_deaf);
        });
        // One that is heard says itself that it has ended it.
        story.until("another attempt", |stage| {
            stage.judge.runs[&run].run.tasks.values().any(|task| task.attempts.len() == 2)
        });
        story.on_stage(|stage| stage.silence(executor, false));
        ends_well(story, run);
    }
}

#[test]
fn an_exclusive_task_is_ended_by_a_guard_when_the_process_of_its_executor_is_stopped() {
    let (mut story, run, executor) = with_exclusive_task();
    story.on_stage(|stage| stage.stop_executor(executor, 60_000));
    runs_elsewhere(&mut story, run, executor);
    story.pass_ms(60_000);
    ends_well(story, run);
}

#[test]
fn an_exclusive_task_is_ended_by_a_guard_when_the_process_of_its_executor_is_dead() {
    let (mut story, run, executor) = with_exclusive_task();
    story.on_stage(|stage| stage.kill_executor(executor));
    runs_elsewhere(&mut story, run, executor);
    story.on_stage(|stage| stage.start_executor(executor));
    ends_well(story, run);
}

#[test]
fn an_executor_that_restarts_or_is_silent_for_a_moment_keeps_its_exclusive_task() {
    let (mut story, run, executor) = with_exclusive_task();
    for _ in 0..3 {
        story.on_stage(|stage| stage.silence(executor, true));
        story.pass_ms(2_000);
        story.on_stage(|stage| stage.silence(executor, false));
        story.pass_ms(2_000);
        story.on_stage(|stage| stage.kill_executor(executor));
        story.pass_ms(500);
        story.on_stage(|stage| stage.start_executor(executor));
        story.pass_ms(500);
    }
    story.until_state(run, RunState::Succeeded);
    assert_eq!(story.task(run, "long").attempts.len(), 1);
    story.end();
}

#[test]
fn an_exclusive_task_never_runs_beside_itself_although_schedulers_change_meanwhile() {
    for wait_ms in [0, 2_000, 5_000, 8_000] {
        let (mut story, run, executor) = with_exclusive_task();
        story.on_stage(|stage| stage.schedulers[0].condition = Condition::Stopped);
        story.pass_ms(wait_ms);
        story.on_stage(|stage| {
            let other = stage.another_scheduler();
            stage.start_scheduler(other);
        });
        story.pass_ms(10_000);
        story.on_stage(|stage| {
            stage.silence(executor, true);
            stage.schedulers[0].condition = Condition::Running;
        });
        runs_elsewhere(&mut story, run, executor);
        story.on_stage(|stage| stage.silence(executor, false));
        story.until_state(run, RunState::Succeeded);
        story.end();
    }
}

#[test]
fn an_exclusive_run_on_a_machine_that_is_gone_is_cancelled_without_an_operator() {
    let (mut story, run, executor) = with_exclusive_task();
    story.on_stage(|stage| {
        stage.cut_power(executor);
        stage.executors[executor].is_gone = true;
    });
    story.order(Verb::Cancel, run).unwrap();
    story.until_state(run, RunState::Cancelled);
    assert_eq!(story.task(run, "long").state, TaskState::Cancelled);
    story.end();
}
