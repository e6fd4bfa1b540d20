//! Gangs: all of one start together, and are counted together.

use std::collections::BTreeMap;

use emboflow_model::name::TaskName;
use emboflow_model::state::{Outcome, Reason};
use emboflow_model::transition::{AttemptEnd, Change, Transition};
use emboflow_model::{Task, TaskKey};

use super::Judged;

/// I24: whoever starts a member of a gang starts all of it, in one decision.
pub(super) fn judge_gangs(judged: &Judged, transition: &Transition) -> Result<(), String> {
    let mut opened: BTreeMap<&TaskName, usize> = BTreeMap::new();
    for change in &transition.changes {
        if let Change::AttemptOpened { task, .. } = change {
            *opened.entry(&task.name).or_default() += 1;
        }
    }
    for (name, count) in opened.into_iter().filter(|(name, _)| is_gang(judged, name)) {
        let members = judged.run.tasks.values().filter(|task| task.key.name == *name).count();
        if count != members {
            return Err(format!("I24: {count} of the {members} members of {name} start"));
        }
    }
    Ok(())
}

/// Whether the tasks of this name are a gang.
pub(super) fn is_gang(judged: &Judged, name: &TaskName) -> bool {
    judged.workflow.task(name.as_str()).is_some_and(|spec| spec.gang)
}

/// Whether another of its gang has ended well: then the gang is not whole any more.
pub(super) fn is_left_over(judged: &Judged, key: &TaskKey) -> bool {
    let others = judged.run.tasks.values().filter(|task| task.key.name == key.name && task.key != *key);
    is_gang(judged, &key.name) && others.into_iter().any(|task| task.state.is_good())
}

/// The ends that count: of each round of a gang the one that came first.
pub(super) fn counted<'j>(judged: &'j Judged, task: &'j Task) -> Vec<&'j AttemptEnd> {
    if !is_gang(judged, &task.key.name) {
        return task.attempts.iter().filter_map(|attempt| attempt.end.as_ref()).collect();
    }
    let peers = || judged.run.tasks.values().filter(|peer| peer.key.name == task.key.name);
    let rounds = (1..=task.attempts.len() as u32).filter_map(|round| {
        let attempts = peers().flat_map(|peer| &peer.attempts).filter(|attempt| attempt.number == round);
        let bad = attempts.filter_map(|attempt| Some((attempt.closed_at, attempt.end.as_ref()?)));
        let bad = bad
            .filter(|(_, end)| end.outcome != Outcome::Succeeded && end.reason != Some(Reason::GangFailed));
        bad.min_by_key(|(closed_at, _)| *closed_at).map(|(_, end)| end)
    });
    rounds.collect()
}
