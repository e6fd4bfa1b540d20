//! What a run is made of, worked out from its file and its inputs: shared by all runs of a file that are made of the same.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::{PlannedTask, Problem, Workflow};
use crate::TaskKey;
use crate::name::TaskName;
use crate::transition::PlannedSpec;

/// The graph of a run and its tasks, as far as they are known before it starts. A clone shares all.
#[derive(Clone, Debug)]
pub struct Layout {
    /// One entry a TaskSpec, in topological order.
    pub graph: Arc<Vec<PlannedSpec>>,
    /// The place of each TaskSpec in the graph.
    pub places: Arc<HashMap<TaskName, usize>>,
    /// The tasks in the order of the file.
    pub tasks: Arc<IndexMap<TaskKey, PlannedTask>>,
}

impl Workflow {
    /// What a run with these resolved inputs is made of. Errors: those of [`Workflow::expand`].
    pub fn layout(&self, inputs: &Map<String, Value>) -> Result<Layout, Vec<Problem>> {
        if let Some(known) = self.only_layout.get() {
            return Ok(known.clone());
        }
        let layout = self.lay_out(inputs)?;
        Ok(match self.depends_on_inputs() {
            true => layout,
            false => self.only_layout.get_or_init(|| layout).clone(),
        })
    }

    /// Whether the inputs may decide how many tasks there are, and what they have on their axes.
    fn depends_on_inputs(&self) -> bool {
        self.file.tasks.values().any(|task| !task.matrix.is_empty() || task.replicas.is_some())
    }

    fn lay_out(&self, inputs: &Map<String, Value>) -> Result<Layout, Vec<Problem>> {
        let planned = self.expand(inputs)?;
        let mut fan_outs: HashMap<&str, Option<u32>> = HashMap::new();
        for task in &planned {
            let count = task.index.map(|index| index + 1);
            fan_outs.insert(&task.spec_name, count);
        }
        let specs = self.topological_order().iter().filter_map(|name| {
            // A matrix over nothing gives no task at all.
            let fan_out = fan_outs.get(name.as_str()).copied().unwrap_or(Some(0));
            let needs = self.needs(name).iter().filter_map(|need| need.parse().ok()).collect();
            let (dynamic, finally) = (self.is_dynamic(name), self.finally(name));
            Some(PlannedSpec { name: name.parse().ok()?, fan_out, dynamic, needs, finally })
        });
        let graph: Vec<PlannedSpec> = specs.collect();
        let places: HashMap<_, _> =
            graph.iter().enumerate().map(|(place, spec)| (spec.name.clone(), place)).collect();
        let names: HashMap<_, _> = graph.iter().map(|spec| (spec.name.as_str(), &spec.name)).collect();
        let tasks = planned.into_iter().filter_map(|task| {
            let name = TaskName::clone(names.get(task.spec_name.as_str())?);
            Some((TaskKey { name, index: task.index }, task))
        });
        let tasks = Arc::new(tasks.collect());
        Ok(Layout { tasks, graph: Arc::new(graph), places: Arc::new(places) })
    }
}
