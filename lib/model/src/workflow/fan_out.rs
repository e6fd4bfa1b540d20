//! Fan-outs over what other tasks gave: matrices that are unfolded while the run goes on.

use serde_json::{Map, Value};

use super::condition::Scope;
use super::context::{Context, Names};
use super::document::join;
use super::expression::{Fuel, Kind, Template};
use super::field::Axis;
use super::limits::{MAX_APPROVALS, MAX_CHILDREN, MAX_FAN_OUT_BYTES, MAX_TASKS};
use super::{Problem, TaskSpec, Workflow, code};

/// What a run has beside a fan-out that is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Others {
    /// Tasks.
    pub tasks: u64,
    /// Those of them that people decide.
    pub approvals: u64,
    /// Those of them that are runs of their own.
    pub children: u64,
}

impl Workflow {
    /// Whether the matrix of a task is made of what other tasks give. Then [`Workflow::expand`] has one task without an
    /// index for it, and [`Workflow::fan_out`] gives its matrix once these have ended.
    pub fn is_dynamic(&self, spec: &str) -> bool {
        self.task(spec).is_some_and(is_dynamic)
    }

    /// What each task of a fan-out over what other tasks gave has on each axis, in the order of the index; none when an
    /// axis has no values. `others` says what else the run has. Errors: an expression failed or gave no list, or the run
    /// would have more than [`MAX_TASKS`] tasks, people more than [`MAX_APPROVALS`] of them to decide, more than
    /// [`MAX_CHILDREN`] of them were runs of their own, or the matrix more
    /// than [`MAX_FAN_OUT_BYTES`].
    pub fn fan_out(
        &self,
        spec: &str,
        context: &Context,
        others: Others,
    ) -> Result<Vec<Map<String, Value>>, Problem> {
        let Some(task) = self.task(spec) else { return Ok(Vec::new()) };
        let names = Names::Of { workflow: self, context, matrix: None };
        let scope = Scope { document: &self.document, names, status: None };
        let axes = self.axes(spec, task, &scope, &mut Fuel::default())?;
        let total = others.tasks.saturating_add(axes.tasks);
        if total > MAX_TASKS {
            return Err(self.too_many(&axes, total));
        }
        let approvals = others.approvals.saturating_add(axes.tasks);
        if task.approval.is_some() && approvals > MAX_APPROVALS {
            return Err(self.too_many_approvals(&axes, approvals));
        }
        let children = others.children.saturating_add(axes.tasks);
        if task.uses.is_some() && children > MAX_CHILDREN {
            return Err(self.too_many_children(&axes, children));
        }
        if axes.bytes() > MAX_FAN_OUT_BYTES {
            let message = format!(
                "the {} combinations of this matrix have more than {MAX_FAN_OUT_BYTES} bytes",
                axes.tasks
            );
            let hint = "give short names or numbers, and let each task find the rest in a file";
            let pointer = join(&join("/tasks", spec), "matrix");
            return Err(self.document.at_key(code::TOO_MANY_TASKS, &pointer, message).with_hint(hint));
        }
        let count = usize::try_from(axes.tasks).expect("at most MAX_TASKS, which fits");
        Ok((0..count).map(|index| axes.combination(index)).collect())
    }
}

/// Whether an expression of the task's matrix reads of other tasks.
pub(super) fn is_dynamic(task: &TaskSpec) -> bool {
    task.matrix.values().any(|axis| match axis {
        Axis::Whole(text) => reads_tasks(text),
        Axis::List(values) => values.iter().filter_map(Value::as_str).any(reads_tasks),
    })
}

fn reads_tasks(text: &str) -> bool {
    if !(Template::is_in(text) && text.contains("tasks")) {
        return false;
    }
    let Ok(template) = Template::parse(text) else { return false };
    template.expressions().any(|(_, expression)| {
        let mut found = false;
        expression.walk(&mut |node| found |= matches!(&node.kind, Kind::Name(name) if name == "tasks"));
        found
    })
}
