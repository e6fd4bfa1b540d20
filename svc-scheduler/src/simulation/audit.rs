//! Looks into a planner's memory after each tick: it must be what the log alone would give.

use super::stage::Stage;
use crate::planner::Planner;

/// Fails the simulation where the planner's memory and the log differ.
pub(super) fn look(stage: &mut Stage, process: usize, planner: &Planner) {
    stage.count("ticks");
    // One that is left behind without having written anything does not know it yet.
    if planner.last_seq() != stage.store.last_seq() {
        return;
    }
    // After a crash that tore a batch, an attempt may be open for a moment that has ended.
    if !stage.counted.contains_key("torn batch")
        && let Err(why) = stage.judge_resources()
    {
        stage.fail(why);
    }
    stage.tally();
    let judged = |run| stage.judge.runs.get(&run).map(|judged| &judged.run);
    let is_deep = planner.last_seq().is_multiple_of(8);
    if let Err(why) = planner.audit(judged, is_deep) {
        stage.fail(format!("s{process}: {why}"));
    }
}
