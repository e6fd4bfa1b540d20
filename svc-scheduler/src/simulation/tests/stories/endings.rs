//! Stories of how tasks and runs come to their end.

use emboflow_model::state::{Reason, RunState, TaskState};
use emboflow_protocol::request::Verb;
use serde_json::json;

use super::super::super::client::project;
use super::super::super::scheduler::Condition;
use super::super::super::workload::{CODED, LASTLY};
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
    let (mut story, run, _) = Story::begin().with_running(LONG, "forever");
    story.on_stage(|stage| stage.schedulers[0].condition = Condition::Stopped);
    story.pass_ms(30_000);
    story.on_stage(|stage| stage.schedulers[0].condition = Condition::Running);
    story.until_state(run, RunState::Failed);
    let task = story.task(run, "forever");
    assert_eq!((task.attempts.len(), task.reason), (1, Some(Reason::TotalTimeout)));
    story.end();
}

#[test]
fn a_cancelled_run_tidies_up_although_the_scheduler_dies_after_each_decision() {
    let (mut story, run, _) = Story::begin().with_running(LASTLY, "a");
    story.order(Verb::Cancel, run).unwrap();
    for _ in 0..6 {
        story.on_stage(|stage| stage.kill_at_next_entry = Some(0));
        story.pass_ms(2_000);
    }
    story.on_stage(|stage| stage.kill_at_next_entry = None);
    story.until_state(run, RunState::Cancelled);
    let states = ["b", "tidy", "alarm"].map(|task| story.task(run, task).state);
    assert_eq!(states, [TaskState::Cancelled, TaskState::Succeeded, TaskState::Skipped]);
    story.end();
}

#[test]
fn a_run_that_tidies_up_for_ever_ends_when_somebody_wants_that() {
    const STUCK: &str =
        "version: 1\nname: stuck\ndefaults: { image: i }\ntasks:\n  a: {}\n  forever: { finally: always }\n";
    let (mut story, run, _) = Story::begin().with_running(STUCK, "forever");
    story.order(Verb::Cancel, run).unwrap();
    story.pass_ms(20_000);
    assert_eq!(story.run(run).summary.state, RunState::Cancelling, "a cancel lets it end by itself");
    story.on_stage(|stage| {
        stage.order_with(Verb::Cancel, project("default"), &json!({ "run": run, "skip_finally": true }))
    });
    story.until_state(run, RunState::Cancelled);
    assert_eq!(story.task(run, "forever").state, TaskState::Cancelled);
    story.end();
}

#[test]
fn what_follows_all_others_is_tried_again_when_its_machine_is_gone_although_the_run_is_cancelled() {
    let (mut story, run, _) = Story::begin().with_running(LASTLY, "a");
    story.order(Verb::Cancel, run).unwrap();
    let executor = story.until_runs("tidy");
    story.on_stage(|stage| {
        stage.cut_power(executor);
        stage.executors[executor].is_gone = true;
    });
    story.until("it has ended", |stage| {
        let mut tasks = stage.judge.runs[&run].run.tasks.values();
        tasks.any(|task| task.key.name.as_str() == "tidy" && task.state.is_terminal())
    });
    let tidy = story.task(run, "tidy");
    assert_eq!((tidy.state, tidy.attempts.len()), (TaskState::Succeeded, 2));
    // Somebody still has to say that the machine is gone.
    assert_eq!(story.run(run).summary.state, RunState::Cancelling);
    story.end();
}
