//! A story of two schedulers of which one does not lead.

use super::super::super::Plan;
use super::super::super::sabotage::Sabotage;
use super::Story;

const EXCLUSIVE: &str =
    "version: 1\nname: exclusive\ndefaults: { image: i, class: exclusive }\ntasks:\n  long: {}\n";

/// A scheduler that does not lead, and has neither heard nor read of anything for a while, gives an attempt out that was
/// given up meanwhile, and is asked for its claim. Gives the promise that is broken.
pub(in super::super) fn what_an_old_memory_starts(sabotage: Option<Sabotage>) -> Option<String> {
    let mut story = Story::of(Plan { sabotage, ..Plan::scripted(7) });
    let all = 0..story.on_stage(|stage| stage.executors.len());
    // The start never arrives, and a second scheduler reads of it.
    story.on_stage(|stage| all.clone().for_each(|executor| stage.silence(executor, true)));
    let run = story.submit(EXCLUSIVE);
    let first = story.task(run, "long").attempts[0].executor.clone();
    let second = story.on_stage(|stage| stage.another_scheduler());
    story.on_stage(|stage| stage.start_scheduler(second));
    story.pass_ms(1_000);
    let is_first = |stage: &super::Stage, executor: usize| stage.executors[executor].id == first;
    story.on_stage(|stage| {
        stage.schedulers[second].is_cut_from_records = true;
        stage.cut_scheduler(second, true);
        all.clone().for_each(|executor| stage.silence(executor, is_first(stage, executor)));
    });
    story.until_runs("long");
    // The other executor runs it. From now on only the second one can be asked.
    story.on_stage(|stage| {
        stage.cut_scheduler(0, true);
        stage.cut_scheduler(second, false);
        all.for_each(|executor| stage.silence(executor, !is_first(stage, executor)));
    });
    story.0.pass_ms(20_000);
    let broken = story.on_stage(|stage| stage.failure().map(str::to_owned));
    if broken.is_none() {
        assert_eq!(story.starts(), 1);
        story.end();
    }
    broken
}

#[test]
fn a_scheduler_that_does_not_lead_grants_no_exclusive_claim_from_memory() {
    assert_eq!(what_an_old_memory_starts(None), None);
}
