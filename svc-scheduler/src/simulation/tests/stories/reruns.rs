//! Stories of runs that repeat a part of others.

use emboflow_model::RunId;
use emboflow_model::state::{RunState, TaskState};
use emboflow_protocol::request::Verb;
use serde_json::{Value, json};

use super::super::super::client::project;
use super::super::super::workload::TUNED;
use super::Story;

/// Asks for a run that repeats this one, and waits for the answer.
fn rerun(story: &mut Story, body: Value) -> Result<RunId, Vec<String>> {
    let place = story.on_stage(|stage| stage.order_with(Verb::Retry, project("default"), &body));
    story.until("an answer", |stage| stage.clients.asked[place].answer.is_some());
    story.on_stage(|stage| stage.clients.asked[place].answer.clone()).unwrap()
}

#[test]
fn a_part_of_an_open_run_is_repeated_although_the_scheduler_dies_after_each_decision() {
    let mut story = Story::begin();
    let old = story.submit(TUNED);
    story.until_runs("b");
    let body = json!({ "run": old, "inputs": { "n": 3 } });
    let place = story.on_stage(|stage| stage.order_with(Verb::Retry, project("default"), &body));
    for _ in 0..6 {
        story.on_stage(|stage| stage.kill_at_next_entry = Some(0));
        story.pass_ms(2_000);
    }
    story.on_stage(|stage| stage.kill_at_next_entry = None);
    story.until("an answer", |stage| stage.clients.asked[place].answer.is_some());
    let new = story.on_stage(|stage| stage.clients.asked[place].answer.clone()).unwrap().unwrap();
    story.until_state(new, RunState::Succeeded);
    story.until_state(old, RunState::Succeeded);
    let first = story.task(new, "a");
    assert_eq!((first.state, first.taken_over_from), (TaskState::Cached, Some(old)));
    assert_eq!(story.task(new, "m[2]").state, TaskState::Succeeded, "there are as many as the input says");
    assert_eq!(story.run(old).summary.tasks.total, 4);
    story.end();
}

#[test]
fn a_rerun_of_a_rerun_takes_over_from_where_the_result_was_made() {
    let mut story = Story::begin();
    let first = story.submit(TUNED);
    story.until_state(first, RunState::Succeeded);
    let same = rerun(&mut story, json!({ "run": first, "inputs": { "n": 1 } }));
    assert_eq!(same, Err(vec!["run.nothing_to_retry".to_owned()]));
    let second = rerun(&mut story, json!({ "run": first, "inputs": { "n": 2 } })).unwrap();
    story.until_state(second, RunState::Succeeded);
    let third = rerun(&mut story, json!({ "run": second, "tasks": ["c"] })).unwrap();
    story.until_state(third, RunState::Succeeded);
    let origin = |task: &str| story.task(third, task).taken_over_from;
    assert_eq!((origin("a"), origin("b"), origin("m[1]")), (Some(first), Some(second), Some(second)));
    assert_eq!(story.task(third, "c").attempts.len(), 1);
    story.end();
}
