//! A task that a run of another workflow carries out, in the workflow file.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::condition::Scope;
use super::context::{Context, Names};
use super::document::join;
use super::expression::Fuel;
use super::limits::MAX_INPUT_BYTES;
use super::{PlannedTask, Problem, Workflow, code};

/// A run of another workflow is started, and the task ends as that run does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UsesSpec {
    /// Name of the workflow in the project.
    pub workflow: String,
    /// The version of it, from 1. Without it: the newest when the run is accepted, to the end of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub version: Option<u32>,
    /// Values for its inputs: texts may hold `${{ … }}`, and one that is a whole expression keeps its type.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub inputs: IndexMap<String, Value>,
}

impl Workflow {
    /// The workflow that carries a task out instead of a container, if one does.
    pub fn uses(&self, spec: &str) -> Option<&UsesSpec> {
        self.task(spec)?.uses.as_ref()
    }

    /// The workflows that its tasks start in the newest version, each once, in the order of the file.
    pub fn newest_used(&self) -> impl Iterator<Item = &str> {
        let uses = self.file.tasks.values().filter_map(|task| task.uses.as_ref());
        let unpinned = uses.filter(|uses| uses.version.is_none()).map(|uses| uses.workflow.as_str());
        unpinned.collect::<indexmap::IndexSet<_>>().into_iter()
    }

    /// What a task gives for the inputs of the run that carries it out; none where a container does. Errors: an expression
    /// failed, or all values together have more than [`MAX_INPUT_BYTES`].
    pub fn inputs_of_child(
        &self,
        task: &PlannedTask,
        context: &Context,
    ) -> Option<Result<Map<String, Value>, Problem>> {
        let uses = self.uses(&task.spec_name)?;
        let matrix = Value::Object(task.matrix.clone());
        let names = Names::Of { workflow: self, context, matrix: Some(&matrix) };
        let scope = Scope { document: &self.document, names, status: None };
        let at = format!("{}/uses/inputs", join("/tasks", &task.spec_name));
        let (mut fuel, mut left) = (Fuel::of_task(), MAX_INPUT_BYTES);
        let inputs = uses.inputs.iter().map(|(name, value)| {
            let pointer = join(&at, name);
            let value = scope.evaluate_within(value, &pointer, &mut fuel)?;
            left = left.checked_sub(value.to_string().len()).ok_or_else(|| {
                let message = format!("the inputs have more than {MAX_INPUT_BYTES} bytes");
                self.document.at_value(code::TEXT_TOO_LONG, &pointer, message)
            })?;
            Ok((name.clone(), value))
        });
        Some(inputs.collect())
    }
}
