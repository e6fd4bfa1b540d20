//! I20: a result that was found by its content was made by an earlier run of the project under the same key, is young
//! enough, and all that it was made from is the same here.

use emboflow_model::state::TaskState;
use emboflow_model::transition::Change;
use emboflow_model::workflow::quantity::duration_ms;
use emboflow_model::{Task, TaskKey, Timestamp};

use super::super::stage::Stage;
use super::Judged;

/// A task is given its key once, before anything of it starts.
pub(super) fn judge_key(judged: &Judged, key: &TaskKey) -> Result<(), String> {
    let task = judged.run.tasks.get(key).ok_or_else(|| format!("no task {key}"))?;
    if task.content_key.is_some() || task.state != TaskState::Waiting {
        return Err(format!("I20: {key}, which is {}, is given a key", task.state));
    }
    super::change::judge_needs(judged, key)
}

impl Stage {
    /// Whether what is taken over is the result that it is said to be.
    pub(super) fn judge_found(&self, judged: &Judged, change: &Change, at: Timestamp) -> Result<(), String> {
        let Change::TaskTakenOver { task: key, from_run, artifacts, values, log, from_task, key: content } =
            change
        else {
            return Ok(());
        };
        let wrong = |why: &str| Err(format!("I20: {key} takes over what {from_run} {why}"));
        super::change::judge_needs(judged, key)?;
        let origin = self.judge.runs.get(from_run).filter(|origin| {
            let (own, other) = (&judged.run.summary, &origin.run.summary);
            own.project == other.project && other.id < own.id
        });
        let Some(origin) = origin else { return wrong("made, which is no earlier run of the project") };
        let Some(made) = from_task.as_ref().and_then(|task| origin.run.tasks.get(task)) else {
            return wrong("never had");
        };
        if made.state != TaskState::Succeeded || made.content_key != *content {
            return wrong("made of something else");
        }
        if (&made.artifacts, &made.values, made.log()) != (artifacts, values, log.as_ref()) {
            return wrong("did not make");
        }
        if judged.run.summary.anew.contains(&key.name) || is_too_old(judged, key, made, at) {
            return wrong("made, and has to be made anew");
        }
        match is_made_of_the_same(judged, key, origin, made) {
            true => Ok(()),
            false => wrong("made from something else"),
        }
    }
}

fn is_too_old(judged: &Judged, key: &TaskKey, made: &Task, at: Timestamp) -> bool {
    let cache = judged.workflow.task(key.name.as_str()).and_then(|spec| spec.cache.as_ref());
    let Some(terms) = cache.and_then(|cache| cache.terms()) else { return true };
    let ttl_ms = terms.ttl.as_ref().and_then(|ttl| duration_ms(ttl.value()).ok());
    let age_ms = made.finished_at.map_or(u64::MAX, |made_at| at.ms_since(made_at));
    ttl_ms.is_some_and(|ttl_ms| age_ms >= ttl_ms)
}

/// Looks at what went into both, and not at what their keys say.
fn is_made_of_the_same(judged: &Judged, key: &TaskKey, origin: &Judged, made: &Task) -> bool {
    let input = |of: &Judged, name: &str| of.run.summary.inputs.get(name).cloned();
    let mut inputs = judged.workflow.inputs_read(key.name.as_str()).into_iter();
    let found =
        |of: &Judged| of.run.tasks.get(&TaskKey::single("find".parse().ok()?))?.values.get("parts").cloned();
    // Of the simulated files this one alone reads what another task gave.
    let reads_values = judged.workflow.name == "cached" && key.name.as_str() == "use";
    made.key == *key
        && inputs.all(|name| input(judged, &name) == input(origin, &name))
        && (!reads_values || found(judged) == found(origin))
}
