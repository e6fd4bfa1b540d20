//! Stories of results that are found again.

use emboflow_model::RunId;
use emboflow_model::state::{RunState, TaskState};
use emboflow_protocol::request::Verb;
use serde_json::json;

use super::super::super::client::{Patience, project};
use super::super::super::fault::Fault;
use super::super::super::workload::CACHED;
use super::Story;

const ONE: &str = "version: 1\nname: one\ndefaults: { image: i }\ntasks:\n  a: { cache: true }\n";

/// `other` needs none of the two before it.
const THREE: &str = "version: 1\nname: three\ndefaults: { image: i }\ntasks:\n  a: { cache: true, command: [a] }\n  \
                     b: { cache: true, command: [b], needs: [a] }\n  other: { cache: true, command: [other] }\n";

impl Story {
    fn cached(&self, run: RunId) -> u32 {
        self.run(run).summary.tasks.in_state(TaskState::Cached)
    }

    /// A run that was answered with its id.
    fn answered(&mut self, place: usize) -> RunId {
        self.until("an answer", |stage| stage.clients.asked[place].answer.is_some());
        self.on_stage(|stage| stage.clients.asked[place].answer.clone()).unwrap().unwrap()
    }
}

#[test]
fn the_next_run_takes_over_what_the_last_one_made_until_it_is_too_old() {
    let mut story = Story::begin();
    let first = story.submit(CACHED);
    story.until_state(first, RunState::Succeeded);
    let starts = story.starts();
    let second = story.submit(CACHED);
    story.until_state(second, RunState::Succeeded);
    assert_eq!((story.cached(second), story.starts()), (4, starts + 1), "only the last one runs again");
    assert_eq!(story.task(second, "use").taken_over_from, Some(first));
    // `find` was good for so long; the others are for ever, as far as what they read is the same.
    story.pass_ms(60_000);
    let third = story.submit(CACHED);
    story.until_state(third, RunState::Succeeded);
    assert_eq!(story.task(third, "find").state, TaskState::Succeeded);
    assert_eq!(story.task(third, "same[1]").taken_over_from, Some(first));
    story.end();
}

#[test]
fn a_task_that_is_named_in_a_rerun_runs_although_its_result_is_there() {
    let mut story = Story::begin();
    let first = story.submit(ONE);
    story.until_state(first, RunState::Succeeded);
    let body = json!({ "run": first, "tasks": ["a"] });
    let place = story.on_stage(|stage| stage.order_with(Verb::Retry, project("default"), &body));
    let second = story.answered(place);
    story.until_state(second, RunState::Succeeded);
    assert_eq!(story.task(second, "a").attempts.len(), 1);
    // And what it made is the newest from then on.
    let third = story.submit(ONE);
    story.until_state(third, RunState::Succeeded);
    assert_eq!(story.task(third, "a").taken_over_from, Some(second));
    story.end();
}

#[test]
fn a_rerun_without_cache_runs_all_that_it_repeats_and_takes_over_the_rest() {
    let mut story = Story::begin();
    let first = story.submit(THREE);
    story.until_state(first, RunState::Succeeded);
    let rerun = |story: &mut Story, no_cache: bool| {
        let body = json!({ "run": first, "tasks": ["a"], "no_cache": no_cache });
        let place = story.on_stage(|stage| stage.order_with(Verb::Retry, project("default"), &body));
        let run = story.answered(place);
        story.until_state(run, RunState::Succeeded);
        run
    };
    let asks = rerun(&mut story, false);
    assert_eq!(story.task(asks, "b").taken_over_from, Some(first), "its result is there");
    let anew = rerun(&mut story, true);
    for task in ["a", "b"] {
        assert_eq!(story.task(anew, task).attempts.len(), 1, "{task}");
    }
    assert_eq!(story.task(anew, "other").taken_over_from, Some(first), "it is not repeated");
    // And what it made is the newest from then on.
    let last = story.submit(THREE);
    story.until_state(last, RunState::Succeeded);
    assert_eq!(story.task(last, "b").taken_over_from, Some(anew));
    story.end();
}

#[test]
fn a_scheduler_that_dies_between_question_and_answer_is_followed_by_one_that_asks_again() {
    for after_ms in 0..30 {
        let mut story = Story::begin();
        let first = story.submit(ONE);
        story.until_state(first, RunState::Succeeded);
        let place = story.on_stage(|stage| stage.submit(project("default"), ONE, Patience::AsksAgain));
        story.pass_ms(after_ms);
        story.on_stage(|stage| stage.strike(Fault::KillScheduler, 100));
        let second = story.answered(place);
        story.until_state(second, RunState::Succeeded);
        assert_eq!(story.task(second, "a").state, TaskState::Cached, "after {after_ms} ms");
        story.end();
    }
}

#[test]
fn without_the_records_a_task_waits_for_the_answer_and_does_not_run() {
    let mut story = Story::begin();
    let first = story.submit(CACHED);
    story.until_state(first, RunState::Succeeded);
    let starts = story.starts();
    let second = story.submit(CACHED);
    story.on_stage(|stage| stage.strike(Fault::RecordsAway, 15_000));
    story.pass_ms(14_000);
    assert!(story.starts() <= starts + 1, "nothing is made a second time because nobody could be asked");
    story.until_state(second, RunState::Succeeded);
    assert_eq!(story.starts(), starts + story.run(second).summary.tasks.in_state(TaskState::Succeeded));
    story.end();
}
