//! What expressions are evaluated with while a run goes on.

use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value, json};

use super::Workflow;
use crate::state::{RunState, TaskState};

/// What expressions can read of a run. A clone shares all.
#[derive(Clone, Debug)]
pub struct Context {
    facts: Arc<Facts>,
    /// A map from the name of a task to `{ state, values }`.
    tasks: Arc<Value>,
}

/// What a run knows from its beginning.
#[derive(Debug)]
struct Facts {
    run: String,
    project: String,
    inputs: Arc<Map<String, Value>>,
    outcome: Option<RunState>,
    /// As expressions see it: most tasks have none.
    seen: OnceLock<Seen>,
}

#[derive(Debug)]
struct Seen {
    inputs: Value,
    run: Value,
}

impl Context {
    /// A run with its resolved inputs, and no task that has ended.
    pub fn new(run: &str, project: &str, inputs: impl Into<Arc<Map<String, Value>>>) -> Self {
        let facts = Facts {
            run: run.to_owned(),
            project: project.to_owned(),
            inputs: inputs.into(),
            outcome: None,
            seen: OnceLock::new(),
        };
        Self { facts: Arc::new(facts), tasks: Arc::new(Value::Object(Map::new())) }
    }

    /// Says how a task of the file ended, with no values; a fan-out has one state for all its tasks.
    pub fn set_task_state(&mut self, spec: &str, state: TaskState) {
        Arc::make_mut(&mut self.tasks)[spec] = json!({ "state": state.word(), "values": {} });
    }

    /// Says what values a task of the file gave that has ended, by their names. One that it did not give is no key of the
    /// map: to read it is an error, and `has(tasks.NAME.values.KEY)` tells.
    pub fn set_task_values(&mut self, spec: &str, values: Map<String, Value>) {
        Arc::make_mut(&mut self.tasks)[spec]["values"] = Value::Object(values);
    }

    /// The same context with the state of one more task.
    #[must_use]
    pub fn with_task_state(mut self, spec: &str, state: TaskState) -> Self {
        self.set_task_state(spec, state);
        self
    }

    /// The same context for tasks that follow all others: with what these have come to.
    #[must_use]
    pub fn with_outcome(self, outcome: RunState) -> Self {
        let Facts { run, project, inputs, .. } = &*self.facts;
        let facts = Facts {
            run: run.clone(),
            project: project.clone(),
            inputs: Arc::clone(inputs),
            outcome: Some(outcome),
            seen: OnceLock::new(),
        };
        Self { facts: Arc::new(facts), ..self }
    }

    pub(super) fn outcome(&self) -> Option<RunState> {
        self.facts.outcome
    }

    /// Whether a task of the file gave a value of this name.
    pub(super) fn has_value(&self, spec: &str, name: &str) -> bool {
        let values = self.tasks.get(spec).and_then(|task| task.get("values"));
        values.is_some_and(|values| values.get(name).is_some())
    }

    pub(super) fn state(&self, spec: &str) -> Option<TaskState> {
        TaskState::from_word(self.tasks.get(spec)?.get("state")?.as_str()?)
    }
}

impl Facts {
    fn seen(&self) -> &Seen {
        self.seen.get_or_init(|| {
            let mut run = json!({ "id": self.run, "project": self.project });
            if let Some(outcome) = self.outcome {
                run["outcome"] = Value::from(outcome.word());
            }
            Seen { inputs: Value::Object(Map::clone(&self.inputs)), run }
        })
    }
}

/// The names of an evaluation.
#[derive(Clone, Copy)]
pub(super) enum Names<'n> {
    /// These.
    Given(&'n [(&'static str, &'n Value)]),
    /// Those that a run has: `matrix` only for one of its tasks. They are made when the first expression is met.
    Of { workflow: &'n Workflow, context: &'n Context, matrix: Option<&'n Value> },
}

impl<'n> Names<'n> {
    pub(super) fn list(self) -> Vec<(&'static str, &'n Value)> {
        match self {
            Self::Given(names) => names.to_vec(),
            Self::Of { workflow, context, matrix } => {
                let Seen { inputs, run } = context.facts.seen();
                let own = [
                    ("inputs", inputs),
                    ("tasks", &*context.tasks),
                    ("run", run),
                    ("workflow", &*workflow.facts),
                ];
                own.into_iter().chain(matrix.map(|matrix| ("matrix", matrix))).collect()
            }
        }
    }
}
