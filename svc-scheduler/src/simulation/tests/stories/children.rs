//! Stories of tasks that runs of other workflows carry out.

use emboflow_model::RunId;
use emboflow_model::state::{RunState, TaskState};
use emboflow_protocol::request::Verb;

use super::super::super::stage::Stage;
use super::super::super::workload::TAKER;
use super::Story;

const PARENT: &str = "version: 1\nname: outer\ndefaults: { image: i }\ntasks:\n  part: { uses: { workflow: chain } }\n  z: { needs: [part] }\n";

fn children_of(stage: &Stage, run: RunId) -> Vec<(RunId, RunState)> {
    let all = stage.judge.runs.values().map(|judged| &judged.run.summary);
    let own = all.filter(|child| child.parent.as_ref().is_some_and(|parent| parent.run == run));
    own.map(|child| (child.id, child.state)).collect()
}

impl Story {
    /// The scheduler dies as soon as it has written an entry, again and again.
    fn dies_at_every_entry(&mut self, dies: bool) {
        self.on_stage(|stage| stage.kill_at_next_entry = dies.then_some(0));
    }
}

#[test]
fn a_scheduler_that_dies_at_every_entry_makes_one_child_and_brings_its_task_to_the_end() {
    let mut story = Story::begin();
    story.dies_at_every_entry(true);
    let run = story.submit(PARENT);
    assert!(story.task(run, "part").child.is_some(), "who is asked for is known with the run itself");
    for _ in 0..4 {
        story.submit("version: 1\nname: other\ntasks: { a: { image: i } }\n");
        story.dies_at_every_entry(true);
    }
    story.dies_at_every_entry(false);
    story.until_state(run, RunState::Succeeded);
    let children = story.on_stage(|stage| children_of(stage, run));
    assert_eq!(children.len(), 1, "{children:?}");
    assert_eq!(children[0].1, RunState::Succeeded);
    story.end();
}

#[test]
fn a_parent_that_is_cancelled_while_its_child_is_made_ends_after_it_whoever_dies_meanwhile() {
    let mut story = Story::begin();
    story.dies_at_every_entry(true);
    let run = story.submit(PARENT);
    story.dies_at_every_entry(true);
    story.order(Verb::Cancel, run).unwrap();
    story.dies_at_every_entry(false);
    story.until_state(run, RunState::Cancelled);
    let children = story.on_stage(|stage| children_of(stage, run));
    assert!(children.len() <= 1 && children.iter().all(|(_, state)| state.is_terminal()), "{children:?}");
    assert_eq!(story.task(run, "part").state, TaskState::Cancelled);
    story.end();
}

#[test]
fn a_child_that_is_stopped_by_its_parent_ends_first() {
    let mut story = Story::begin();
    let run = story.submit(&PARENT.replace("workflow: chain", "workflow: endless"));
    story.until_runs("forever");
    story.order(Verb::Cancel, run).unwrap();
    story.until_state(run, RunState::Cancelled);
    let children = story.on_stage(|stage| children_of(stage, run));
    assert_eq!(children.iter().map(|(_, state)| *state).collect::<Vec<_>>(), [RunState::Cancelled]);
    story.end();
}

#[test]
fn what_a_child_gives_reaches_the_tasks_that_follow_although_the_scheduler_dies_at_every_entry() {
    let mut story = Story::begin();
    story.dies_at_every_entry(true);
    let run = story.submit(TAKER);
    for _ in 0..6 {
        story.submit("version: 1\nname: other\ntasks: { a: { image: i } }\n");
        story.dies_at_every_entry(true);
    }
    story.dies_at_every_entry(false);
    story.until_state(run, RunState::Succeeded);
    let part = story.task(run, "given");
    let child = part.child.as_ref().map(|child| child.run).unwrap();
    let given = story.on_stage(|stage| stage.judge.runs[&child].run.summary.outputs.clone()).unwrap();
    assert_eq!(part.values, given.values);
    let parts = part.values["parts"].as_array().unwrap().clone();
    let own = story.on_stage(|stage| {
        let tasks = stage.judge.runs[&run].run.tasks.values();
        tasks.filter_map(|task| task.matrix.get("part").cloned()).collect::<Vec<_>>()
    });
    assert_eq!(own, parts);
    story.end();
}
