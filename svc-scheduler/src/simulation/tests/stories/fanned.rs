//! Stories of fan-outs over what a task found.

use emboflow_model::RunId;
use emboflow_model::state::RunState;
use emboflow_protocol::request::Verb;

use super::super::super::workload::FANNED;
use super::Story;

impl Story {
    fn parts(&self, run: RunId) -> usize {
        self.task(run, "split").values["parts"].as_array().map_or(0, Vec::len)
    }

    fn fan_out(&self, run: RunId) -> Option<usize> {
        let graph = self.run(run).summary.graph;
        let process = graph.iter().find(|spec| spec.name.as_str() == "process");
        process.and_then(|spec| spec.fan_out).map(|tasks| tasks as usize)
    }
}

#[test]
fn a_fan_out_is_made_once_although_the_scheduler_dies_after_each_decision() {
    let mut story = Story::begin();
    // The lists have other lengths each time, and are empty now and then.
    for _ in 0..5 {
        let run = story.submit(FANNED);
        for _ in 0..8 {
            story.on_stage(|stage| stage.kill_at_next_entry = Some(0));
            story.pass_ms(2_000);
        }
        story.on_stage(|stage| stage.kill_at_next_entry = None);
        story.until_state(run, RunState::Succeeded);
        let parts = story.parts(run);
        assert_eq!(story.fan_out(run), Some(parts));
        assert_eq!(story.run(run).summary.tasks.total as usize, 3 + parts);
    }
    story.end();
}

#[test]
fn a_run_that_is_cancelled_before_its_fan_out_is_made_ends_with_what_stood_for_it() {
    let (mut story, run, _) = Story::begin().with_running(FANNED, "split");
    story.order(Verb::Cancel, run).unwrap();
    story.until_state(run, RunState::Cancelled);
    assert_eq!((story.fan_out(run), story.run(run).summary.tasks.total), (None, 4));
    story.end();
}
