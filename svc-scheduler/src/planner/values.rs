//! What the tasks of a run gave for the expressions of those that follow.

use emboflow_model::transition::PlannedSpec;
use serde_json::{Map, Value};

use super::open_run::OpenRun;

impl OpenRun {
    /// The values of a spec that has ended, by name. Those of a fan-out are lists in the order of the index, with null for a
    /// task that gave none; a task alone that did not end well gives no value at all.
    pub(super) fn values_of(&self, spec: &PlannedSpec) -> Map<String, Value> {
        let given =
            |key| self.run.tasks.get(&key).filter(|task| task.state.is_good()).map(|task| &task.values);
        if spec.fan_out.is_none() {
            return spec.keys().find_map(given).cloned().unwrap_or_default();
        }
        let names = self.workflow.task(spec.name.as_str()).into_iter().flat_map(|task| task.value_names());
        names
            .map(|name| {
                let value = |key| given(key).and_then(|values| values.get(name)).cloned().unwrap_or_default();
                (name.to_owned(), spec.keys().map(value).collect())
            })
            .collect()
    }
}
