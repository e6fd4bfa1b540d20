//! What the tasks of a run gave for the expressions of those that follow.

use emboflow_model::AttemptId;
use emboflow_model::state::{Cause, Outcome, Reason};
use emboflow_model::transition::{AttemptEnd, PlannedSpec};
use emboflow_model::workflow::limits::MAX_RUN_VALUE_BYTES;
use serde_json::{Map, Value};

use super::open_run::OpenRun;
use super::step::Step;

impl OpenRun {
    /// The values of a spec that has ended, by name. Those of a fan-out are lists in the order of the index, with null for a
    /// task that gave none; a task alone that did not end well gives no value at all.
    pub(super) fn values_of(&self, spec: &PlannedSpec) -> Map<String, Value> {
        let given =
            |key| self.run.tasks.get(&key).filter(|task| task.state.is_good()).map(|task| &task.values);
        if spec.fan_out.is_none() {
            return spec.keys().find_map(given).cloned().unwrap_or_default();
        }
        let names = self.workflow.value_names(spec.name.as_str()).into_iter();
        names
            .map(|name| {
                let value = |key| given(key).and_then(|values| values.get(name)).cloned().unwrap_or_default();
                (name.to_owned(), spec.keys().map(value).collect())
            })
            .collect()
    }
}

impl OpenRun {
    /// What the values of the run have with those of one more task, in bytes. Errors: more than a run keeps.
    pub(super) fn bytes_with(&self, values: &Map<String, Value>) -> Result<usize, String> {
        let total = self.value_bytes.saturating_add(bytes_of(values));
        // Nothing takes no room, also where there is none.
        if total <= MAX_RUN_VALUE_BYTES || values.is_empty() {
            return Ok(total);
        }
        Err(format!(
            "With the values of this task, those of the run have {total} bytes; a run keeps {MAX_RUN_VALUE_BYTES}. \
             Leave large things in files, and give only what expressions read."
        ))
    }
}

impl Step<'_> {
    /// What is accepted of an end that gives values: a run keeps only so many of them.
    pub(super) fn end_with_values(&mut self, id: &AttemptId, mut end: AttemptEnd) -> AttemptEnd {
        if end.outcome != Outcome::Succeeded {
            end.values.clear();
        }
        let Some(open) = self.planner.runs.get_mut(&id.run).filter(|_| !end.values.is_empty()) else {
            return end;
        };
        let message = match open.bytes_with(&end.values) {
            Ok(total) => {
                open.value_bytes = total;
                return end;
            }
            Err(message) => message,
        };
        AttemptEnd {
            outcome: Outcome::Failed,
            cause: Cause::User,
            reason: Some(Reason::StageOutFailed),
            message: Some(message),
            artifacts: Vec::new(),
            values: Map::new(),
            ..end
        }
    }
}

/// What a task's values count against the limit of their run.
pub(super) fn bytes_of(values: &Map<String, Value>) -> usize {
    match values.is_empty() {
        true => 0,
        false => serde_json::to_vec(values).map_or(usize::MAX, |json| json.len()),
    }
}
