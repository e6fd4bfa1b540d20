//! The tasks of a run: every matrix unfolded, counted before a single task is made.

use serde_json::{Map, Value};

use super::condition::Scope;
use super::context::Names;
use super::document::join;
use super::expression::Fuel;
use super::field::Axis;
use super::limits::{MAX_APPROVALS, MAX_CHILDREN, MAX_GANG, MAX_MATRIX_BYTES, MAX_TASKS};
use super::{Problem, TaskSpec, Workflow, code, quantity};

/// A task of a run before it starts.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedTask {
    /// The name of its TaskSpec.
    pub spec_name: String,
    /// Its position in the matrix, where the last axis changes fastest, or its number among the replicas.
    pub index: Option<u32>,
    /// Its value on each axis.
    pub matrix: Map<String, Value>,
}

/// The evaluated axes of one TaskSpec.
pub(super) struct Axes<'w> {
    spec: &'w str,
    axes: Vec<(&'w str, Vec<Value>)>,
    /// One task alone has no index.
    is_fan_out: bool,
    pub(super) tasks: u64,
}

impl Workflow {
    /// The tasks of a run with these resolved inputs, in the order of the file. One task without an index stands for a
    /// fan-out over what other tasks give.
    /// Errors: a matrix without values or with something that is no list; more than [`MAX_TASKS`] tasks.
    pub fn expand(&self, inputs: &Map<String, Value>) -> Result<Vec<PlannedTask>, Vec<Problem>> {
        let mut tasks = Vec::new();
        for matrix in self.axes_of_all(inputs)? {
            if !matrix.is_fan_out {
                // What stands for a fan-out has nothing on its axes yet.
                let axes = self.task(matrix.spec).into_iter().flat_map(|task| task.matrix.keys());
                tasks.push(PlannedTask {
                    spec_name: matrix.spec.to_owned(),
                    index: None,
                    matrix: axes.map(|axis| (axis.clone(), Value::Null)).collect(),
                });
                continue;
            }
            let count = u32::try_from(matrix.tasks).expect("at most MAX_TASKS, which fits");
            tasks.extend((0..count).map(|index| PlannedTask {
                spec_name: matrix.spec.to_owned(),
                index: Some(index),
                matrix: matrix.combination(index as usize),
            }));
        }
        Ok(tasks)
    }

    /// How many tasks a run with these resolved inputs has. Errors: those of [`Workflow::expand`].
    pub fn count_tasks(&self, inputs: &Map<String, Value>) -> Result<u64, Vec<Problem>> {
        Ok(self.axes_of_all(inputs)?.iter().map(|matrix| matrix.tasks).sum())
    }

    fn axes_of_all(&self, inputs: &Map<String, Value>) -> Result<Vec<Axes<'_>>, Vec<Problem>> {
        let inputs = Value::Object(inputs.clone());
        let roots = [("inputs", &inputs), ("workflow", &*self.facts)];
        let scope = Scope { document: &self.document, names: Names::Given(&roots), status: None };
        let mut fuel = Fuel::default();
        let (mut all, mut problems) = (Vec::new(), Vec::new());
        let (mut total, mut bytes, mut approvals, mut children) = (0_u64, 0_u64, 0_u64, 0_u64);
        for (name, task) in &self.file.tasks {
            let axes = match super::fan_out::is_dynamic(task) {
                true => Ok(Axes { spec: name, axes: Vec::new(), is_fan_out: false, tasks: 1 }),
                false => self.axes(name, task, &scope, &mut fuel),
            };
            match axes {
                Ok(axes) => {
                    total = total.saturating_add(axes.tasks);
                    bytes = bytes.saturating_add(axes.bytes());
                    if task.approval.is_some() {
                        approvals = approvals.saturating_add(axes.tasks);
                    }
                    if task.uses.is_some() {
                        children = children.saturating_add(axes.tasks);
                    }
                    if children > MAX_CHILDREN {
                        problems.push(self.too_many_children(&axes, children));
                        break;
                    }
                    if approvals > MAX_APPROVALS {
                        problems.push(self.too_many_approvals(&axes, approvals));
                        break;
                    }
                    if total > MAX_TASKS || bytes > MAX_MATRIX_BYTES {
                        problems.push(self.too_many(&axes, total));
                        break;
                    }
                    all.push(axes);
                }
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(all) } else { Err(problems) }
    }

    pub(super) fn axes<'w>(
        &'w self,
        spec: &'w str,
        task: &'w TaskSpec,
        scope: &Scope<'_>,
        fuel: &mut Fuel,
    ) -> Result<Axes<'w>, Problem> {
        let is_dynamic = super::fan_out::is_dynamic(task);
        let mut axes = Vec::with_capacity(task.matrix.len());
        let mut tasks: u64 = 1;
        for (axis, values) in &task.matrix {
            let pointer = join(&format!("{}/matrix", join("/tasks", spec)), axis);
            let evaluate = |text: &str, pointer: &str, fuel: &mut Fuel| {
                let node = self.document.locate(pointer).1;
                scope.evaluate(node, pointer, text, fuel)
            };
            let values = match values {
                Axis::Whole(text) => match evaluate(text, &pointer, fuel)? {
                    Value::Array(values) => values,
                    other => {
                        let kind = super::expression::type_of(&other);
                        let message =
                            format!("the axis `{axis}` must be a list, but the expression gives {kind}");
                        return Err(self.document.at_value(code::BAD_MATRIX, &pointer, message));
                    }
                },
                Axis::List(values) => {
                    let evaluated = values.iter().enumerate().map(|(index, value)| match value.as_str() {
                        Some(text) => evaluate(text, &join(&pointer, &index.to_string()), fuel),
                        None => Ok(value.clone()),
                    });
                    evaluated.collect::<Result<_, _>>()?
                }
            };
            if values.is_empty() && !is_dynamic {
                let message = format!("the axis `{axis}` has no values, so the task would never run");
                let hint = "give it at least one value, or leave the task out with `if`";
                return Err(self.document.at_value(code::BAD_MATRIX, &pointer, message).with_hint(hint));
            }
            tasks = tasks.saturating_mul(values.len() as u64);
            axes.push((axis.as_str(), values));
        }
        if let Some(replicas) = &task.replicas {
            tasks = tasks.saturating_mul(self.replicas(spec, task, replicas.value(), scope, fuel)?);
        }
        let is_fan_out = !axes.is_empty() || task.replicas.is_some();
        Ok(Axes { spec, axes, is_fan_out, tasks })
    }

    fn replicas(
        &self,
        spec: &str,
        task: &TaskSpec,
        given: &Value,
        scope: &Scope<'_>,
        fuel: &mut Fuel,
    ) -> Result<u64, Problem> {
        let pointer = join(&join("/tasks", spec), "replicas");
        let value = match given.as_str() {
            Some(text) => scope.evaluate(self.document.locate(&pointer).1, &pointer, text, fuel)?,
            None => given.clone(),
        };
        let problem = |message: String| self.document.at_value(code::BAD_QUANTITY, &pointer, message);
        let count = quantity::count(&value).map_err(problem)?;
        match task.gang && count > MAX_GANG {
            true => Err(problem(format!("a gang has at most {MAX_GANG} replicas, not {count}"))),
            false => Ok(u64::from(count)),
        }
    }

    pub(super) fn too_many_approvals(&self, axes: &Axes<'_>, approvals: u64) -> Problem {
        let message = format!(
            "with `{}` people decide on {approvals} tasks of the run; at most {MAX_APPROVALS}",
            axes.spec
        );
        let hint = "ask once for all of them: what is decided for each can be an input of type `array`";
        let pointer = join(&join("/tasks", axes.spec), "approval");
        self.document.at_key(code::TOO_MANY_TASKS, &pointer, message).with_hint(hint)
    }

    pub(super) fn too_many_children(&self, axes: &Axes<'_>, children: u64) -> Problem {
        let message = format!("with `{}` the run starts {children} runs; at most {MAX_CHILDREN}", axes.spec);
        let hint = "give each of them more of the work, as a list in an input, and put the matrix into the other workflow";
        let pointer = join(&join("/tasks", axes.spec), "uses");
        self.document.at_key(code::TOO_MANY_TASKS, &pointer, message).with_hint(hint)
    }

    pub(super) fn too_many(&self, axes: &Axes<'_>, total: u64) -> Problem {
        let field = if axes.axes.is_empty() { "replicas" } else { "matrix" };
        let pointer = join(&join("/tasks", axes.spec), field);
        let message = match total > MAX_TASKS {
            true => {
                let factors: Vec<String> =
                    axes.axes.iter().map(|(axis, values)| format!("{axis}: {}", values.len())).collect();
                let factors = match factors.is_empty() {
                    true => format!("replicas: {}", axes.tasks),
                    false => super::suggest::shown(&factors.join(" × ")),
                };
                format!("with `{}` ({factors}) the run has {total} tasks; it may have {MAX_TASKS}", axes.spec)
            }
            false => format!(
                "with `{}` the values of all tasks have more than {MAX_MATRIX_BYTES} bytes",
                axes.spec
            ),
        };
        let hint = "let one task work on several values, or start several runs";
        self.document.at_key(code::TOO_MANY_TASKS, &pointer, message).with_hint(hint)
    }
}

impl Axes<'_> {
    pub(super) fn combination(&self, index: usize) -> Map<String, Value> {
        let mut rest = index;
        let mut chosen = Vec::with_capacity(self.axes.len());
        for (axis, values) in self.axes.iter().rev() {
            chosen.push(((*axis).to_owned(), values[rest % values.len()].clone()));
            rest /= values.len();
        }
        chosen.into_iter().rev().collect()
    }

    /// About how many bytes the values of all its tasks have.
    pub(super) fn bytes(&self) -> u64 {
        let each: u64 = self
            .axes
            .iter()
            .map(|(axis, values)| {
                let all: u64 = values.iter().map(super::expression::bytes_of).sum();
                axis.len() as u64 + all / values.len().max(1) as u64
            })
            .sum();
        each.saturating_mul(self.tasks)
    }
}
