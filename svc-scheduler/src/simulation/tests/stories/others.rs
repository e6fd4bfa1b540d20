//! Stories of what others do: who removes a container, who cuts a cable, who asks for much at once, who is curious.

use emboflow_model::state::{Cause, Outcome, RunState, TaskState};
use emboflow_protocol::request::Verb;

use super::super::super::client::project;
use super::super::super::workload::{ENDLESS, GANGED};
use super::{SINGLE, Story};

#[test]
fn a_container_that_somebody_removes_is_tried_again_and_costs_the_user_nothing() {
    let (mut story, run, _) = Story::with_one_executor().with_running(SINGLE, "a");
    story.on_stage(|stage| {
        stage.kill_executor(0);
        stage.witness.containers.clear();
        stage.start_executor(0);
    });
    story.until_state(run, RunState::Succeeded);
    let task = story.task(run, "a");
    let lost = task.attempts[0].end.clone().unwrap();
    assert_eq!((task.attempts.len(), lost.outcome, lost.cause), (2, Outcome::Lost, Cause::Infra));
    story.end();
}

#[test]
fn silence_that_a_scheduler_could_not_hear_is_nobodys() {
    let (mut story, run, _) = Story::begin().with_running(ENDLESS, "forever");
    let silence = story.lost_after() + 20_000;
    story.on_stage(|stage| stage.cut_scheduler(0, true));
    story.pass_ms(silence);
    story.on_stage(|stage| stage.cut_scheduler(0, false));
    story.pass_ms(10_000);
    assert_eq!(story.task(run, "forever").attempts.len(), 1);
    story.order(Verb::Cancel, run).unwrap();
    story.until_state(run, RunState::Cancelled);
    story.end();
}

#[test]
fn a_run_of_hundreds_of_tasks_ends_although_its_scheduler_dies_in_the_middle_of_it() {
    const LARGE: &str = "version: 1\nname: large\ndefaults: { image: i }\ntasks:\n  a: { matrix: { i: \"${{ range(200) }}\" } }\n  z: { needs: [a] }\n";
    let mut story = Story::begin();
    let run = story.submit(LARGE);
    for _ in 0..3 {
        story.pass_ms(10_000);
        story.on_stage(|stage| stage.kill_at_next_entry = Some(1));
        story.pass_ms(3_000);
    }
    story.on_stage(|stage| stage.kill_at_next_entry = None);
    for _ in 0..5 {
        if story.run(run).summary.state == RunState::Running {
            story.pass_ms(60_000);
        }
    }
    story.until_state(run, RunState::Succeeded);
    assert_eq!(story.starts(), 201);
    story.end();
}

#[test]
fn a_gang_that_loses_a_machine_starts_again_as_a_whole() {
    let (mut story, run, executor) = Story::begin().with_running(GANGED, "train[0]");
    story.until_runs("train[1]");
    story.on_stage(|stage| {
        stage.cut_power(executor);
        stage.executors[executor].is_gone = true;
    });
    story.until_state(run, RunState::Succeeded);
    let rounds = ["train[0]", "train[1]"].map(|task| story.task(run, task).attempts.len());
    assert_eq!(rounds, [2, 2]);
    assert_eq!(story.task(run, "after").state, TaskState::Succeeded);
    story.end();
}

#[test]
fn a_batch_is_decided_request_by_request_although_the_scheduler_dies_after_each_decision() {
    let mut story = Story::begin();
    story.on_stage(|stage| {
        stage.kill_at_next_entry = Some(0);
        stage.submit_batch();
    });
    for _ in 0..4 {
        story.pass_ms(3_000);
        story.on_stage(|stage| stage.kill_at_next_entry = Some(0));
    }
    story.on_stage(|stage| stage.kill_at_next_entry = None);
    story.until("every answer", |stage| stage.clients.asked.iter().all(|ask| ask.answer.is_some()));
    let asked = story.on_stage(|stage| stage.clients.asked.len());
    // Beside them there may be runs that these have started.
    let made = story.on_stage(|stage| {
        stage.judge.runs.values().filter(|judged| judged.run.summary.parent.is_none()).count()
    });
    assert_eq!(made, asked);
    story.end();
}

#[test]
fn nobody_orders_anything_of_a_run_of_another_project() {
    let (mut story, run, _) = Story::begin().with_running(ENDLESS, "forever");
    for verb in [Verb::Pause, Verb::Cancel, Verb::Retry] {
        let place = story.on_stage(|stage| stage.order(verb, project("small"), run));
        story.until("an answer", |stage| stage.clients.asked[place].answer.is_some());
        let answer = story.on_stage(|stage| stage.clients.asked[place].answer.clone()).unwrap();
        assert_eq!(answer.unwrap_err(), ["run.not_found"]);
    }
    assert_eq!(story.run(run).summary.state, RunState::Running);
    story.order(Verb::Cancel, run).unwrap();
    story.until_state(run, RunState::Cancelled);
    story.end();
}
