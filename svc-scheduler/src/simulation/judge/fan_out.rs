//! What a fan-out over the values of another task may become.

use emboflow_model::name::TaskName;
use emboflow_model::state::TaskState;
use emboflow_model::{Task, TaskKey};
use serde_json::{Map, Value};

use super::Judged;

/// I18: a fan-out is made once, when what it is made of has ended, and has one task for each element of the list. A run
/// that repeats another begins with the fan-outs that stay.
pub(super) fn judge_fan_out(
    judged: &Judged,
    spec: &TaskName,
    matrix: &[Map<String, Value>],
    number: u64,
) -> Result<(), String> {
    let tasks = &judged.run.tasks;
    let stands = tasks.get(&TaskKey::single(spec.clone()));
    if stands.is_none_or(|task| task.state != TaskState::Waiting || !task.attempts.is_empty()) {
        return Err(format!("I18: {spec} fans out, and nothing waits in its place"));
    }
    if number == 1 {
        return Ok(());
    }
    let graph = judged.run.summary.graph.iter().find(|planned| planned.name == *spec);
    let needs = graph.into_iter().flat_map(|planned| &planned.needs);
    let needed: Vec<&Task> =
        needs.flat_map(|need| tasks.values().filter(move |task| task.key.name == *need)).collect();
    if let Some(open) = needed.iter().find(|task| !task.state.is_terminal()) {
        return Err(format!("I18: {spec} fans out, and {} is {}", open.key, open.state));
    }
    let given = needed.iter().find_map(|task| task.values.get("parts")?.as_array());
    let made: Vec<&Value> = matrix.iter().filter_map(|own| own.get("part")).collect();
    match given.is_some_and(|given| given.iter().collect::<Vec<_>>() == made) {
        true => Ok(()),
        false => Err(format!("I18: {spec} fans out over {made:?}, and was given {given:?}")),
    }
}
