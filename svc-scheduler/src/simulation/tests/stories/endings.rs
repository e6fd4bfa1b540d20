//! Stories of how tasks and runs come to their end.

use emboflow_model::state::{Reason, RunState, TaskState};

use super::super::super::scheduler::Condition;
use super::super::super::workload::CODED;
use super::Story;

#[test]
fn an_exit_code_that_fails_the_run_does_so_although_the_scheduler_dies_at_that_moment() {
    let mut story = Story::begin();
    story.on_stage(|stage| stage.scripted_codes.insert("coded".to_owned(), 99));
    let run = story.submit(CODED);
    story.until_runs("coded");
    story.until_runs("c");
    story.on_stage(|stage| stage.kill_at_next_entry = Some(0));
    story.pass_ms(3_000);
    story.on_stage(|stage| stage.kill_at_next_entry = None);
    story.until_state(run, RunState::Failed);
    let states = ["coded", "b", "d"].map(|task| story.task(run, task).state);
    assert_eq!(states, [TaskState::Failed, TaskState::Cancelled, TaskState::Cancelled]);
    assert!(story.run(run).summary.reason.unwrap().contains("exit code 99"));
    story.end();
}

#[test]
fn an_exit_code_that_counts_as_success_lets_others_follow() {
    let mut story = Story::begin();
    story.on_stage(|stage| stage.scripted_codes.insert("coded".to_owned(), 3));
    let run = story.submit(CODED);
    story.until_state(run, RunState::Succeeded);
    assert_eq!(story.task(run, "coded").attempts[0].end.as_ref().unwrap().exit_code, Some(3));
    story.end();
}

const WAITS: &str = "version: 1\nname: waits\ndefaults: { image: i }\ntasks:\n  forever: { resources: { cpu: 99 }, timeouts: { queue: 60s } }\n  after: { needs: [forever], if: \"${{ always() }}\" }\n";

#[test]
fn a_wait_is_over_in_time_although_the_scheduler_dies_in_the_middle_of_it() {
    let mut story = Story::begin();
    let run = story.submit(WAITS);
    let began = story.task(run, "forever").queued_at.unwrap();
    for _ in 0..3 {
        story.pass_ms(15_000);
        story.on_stage(|stage| stage.kill_at_next_entry = Some(0));
        story.submit(CODED);
        story.on_stage(|stage| stage.kill_at_next_entry = None);
    }
    assert_eq!(story.task(run, "forever").state, TaskState::Queued);
    story.until_state(run, RunState::Failed);
    let task = story.task(run, "forever");
    assert_eq!(task.reason, Some(Reason::QueueTimeout));
    // The one that began last hears of executors first.
    let took = task.finished_at.unwrap().ms_since(began);
    assert!((60_000..75_000).contains(&took), "{took}");
    assert_eq!(story.task(run, "after").state, TaskState::Succeeded);
    story.end();
}

#[test]
fn time_that_is_over_stops_what_runs_also_when_a_stopped_scheduler_goes_on() {
    const LONG: &str = "version: 1\nname: long\ndefaults: { image: i }\ntasks:\n  forever: { timeouts: { total: 20s }, retry: { attempts: 5 } }\n";
    let mut story = Story::begin();
    let run = story.submit(LONG);
    story.until_runs("forever");
    story.on_stage(|stage| stage.schedulers[0].condition = Condition::Stopped);
    story.pass_ms(30_000);
    story.on_stage(|stage| stage.schedulers[0].condition = Condition::Running);
    story.until_state(run, RunState::Failed);
    let task = story.task(run, "forever");
    assert_eq!((task.attempts.len(), task.reason), (1, Some(Reason::TotalTimeout)));
    story.end();
}
