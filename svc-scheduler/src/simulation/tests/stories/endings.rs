//! Stories of how tasks and runs come to their end.

use emboflow_model::state::{RunState, TaskState};

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
