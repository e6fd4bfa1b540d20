//! Fan-outs over what other tasks gave. Until all that such a spec needs has ended, one task without an index stands for
//! it, and is all that others see of it: it waits, is skipped, fails or is cancelled like any task. When it is let go its
//! matrix is evaluated once, and the history keeps what came out.

use emboflow_model::name::TaskName;
use emboflow_model::transition::Change;
use emboflow_model::workflow::{Context, Others, Problem};
use emboflow_model::{RunId, Task};
use serde_json::{Map, Value};

use super::step::Step;

impl Step<'_> {
    /// Evaluates the matrix of a spec that is let go, and puts its tasks in the place of the one that stood for them.
    /// Errors: why that one fails: the matrix gives no lists, or more tasks than a run may have.
    pub(super) fn fan_out(&mut self, run: RunId, spec: usize, context: &Context) -> Result<(), Problem> {
        let Some(open) = self.planner.runs.get(&run) else { return Ok(()) };
        let summary = &open.run.summary;
        let name = summary.graph[spec].name.clone();
        let asks = |other: &&Task| {
            other.key.name != name && open.workflow.approval(other.key.name.as_str()).is_some()
        };
        let starts =
            |other: &Task| other.key.name != name && open.workflow.uses(other.key.name.as_str()).is_some();
        // Only what people decide is held against how often they are asked; others need no look at every task.
        let approvals = match open.workflow.approval(name.as_str()) {
            Some(_) => open.run.tasks.values().filter(asks).count() as u64,
            None => 0,
        };
        let children = match open.workflow.uses(name.as_str()) {
            Some(_) => open.run.tasks.values().filter(|task| starts(task)).count() as u64,
            None => 0,
        };
        let others = Others { tasks: u64::from(summary.tasks.total.saturating_sub(1)), approvals, children };
        let matrix = open.workflow.fan_out(name.as_str(), context, others)?;
        let is_empty = matrix.is_empty();
        self.unfold(run, name, matrix);
        let Some(open) = self.planner.runs.get_mut(&run).filter(|_| is_empty) else { return Ok(()) };
        // A fan-out over nothing has ended with that.
        let is_last = open.note_work(spec);
        self.touched.push(run);
        if is_last {
            self.begin_end(run);
        }
        Ok(())
    }

    /// Puts the tasks of a spec in the place of the one that stands for them.
    pub(super) fn unfold(&mut self, run: RunId, spec: TaskName, matrix: Vec<Map<String, Value>>) {
        self.emit(run, Change::FannedOut { spec: spec.clone(), matrix });
        let Some(open) = self.planner.runs.get_mut(&run) else { return };
        if let Some(place) = open.place_of(&spec) {
            open.unfold(place);
        }
    }
}
