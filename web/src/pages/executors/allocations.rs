//! What open attempts hold of each executor, from the tasks that events bring; pure.

use std::collections::HashMap;

use emboflow_model::{AttemptId, ExecutorId, Resources, Task};

/// The open attempts that are known of.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Allocations(HashMap<String, (ExecutorId, Resources)>);

impl Allocations {
    /// Takes in what a task has become.
    pub(super) fn follow(&mut self, task: &Task) {
        for attempt in &task.attempts {
            let id = AttemptId { run: task.run, task: task.key.clone(), number: attempt.number }.to_string();
            if attempt.is_open() {
                self.0.insert(id, (attempt.executor.clone(), attempt.resources));
            } else {
                self.0.remove(&id);
            }
        }
    }

    /// What an executor's open attempts hold together.
    pub(super) fn of(&self, executor: &ExecutorId) -> Resources {
        let own = self.0.values().filter(|(other, _)| other == executor);
        own.fold(Resources::default(), |sum, (_, held)| sum.plus(held))
    }
}
