//! The decision whether a task runs, and how its texts are evaluated while a run goes on.

use serde_json::Value;

use super::check::path_of;
use super::context::{Context, Names};
use super::document::{Document, Node, join};
use super::expression::{Evaluator, Fuel, Kind, Part, Status, Template};
use super::render::text_of;
use super::{Problem, Workflow, code};
use crate::state::{RunState, TaskState};

impl Workflow {
    /// Whether a task runs, once every task that it needs has ended: `if`, or that all it needs succeeded. An `if` that
    /// neither calls `success()`, `failure()` or `always()` nor reads a task's state holds only when all needs succeeded.
    /// A need with `continue_on_error` that failed counts as succeeded. A task that follows all others (`finally`) runs
    /// whatever these have come to, unless it is for failures only; `success()` and `failure()` tell it of the run.
    /// Errors: the expression failed, or gave neither true nor false.
    pub fn condition(&self, spec: &str, context: &Context) -> Result<bool, Problem> {
        if self.is_for_another_outcome(spec, context) {
            return Ok(false);
        }
        let status = self.status(spec, context);
        let text =
            match self.task(spec).and_then(|task| task.condition.as_ref()).map(super::field::Scalar::value) {
                None => return Ok(status.success),
                Some(Value::Bool(value)) => return Ok(*value && status.success),
                Some(value) => text_of(value),
            };
        let pointer = join(&join("/tasks", spec), "if");
        let node = self.document.locate(&pointer).1;
        if !status.success && !looks_at_states(&text) {
            return Ok(false);
        }
        let mut fuel = Fuel::default();
        let names = Names::Of { workflow: self, context, matrix: None };
        let scope =
            Scope { document: &self.document, names, status: Some(of_run(status, context.outcome())) };
        match scope.evaluate(node, &pointer, &text, &mut fuel)? {
            Value::Bool(value) => Ok(value),
            other => {
                let message = format!("`if` gave {other}, which is neither true nor false");
                Err(self.document.at_value(code::EVALUATION_FAILED, &pointer, message))
            }
        }
    }

    /// Whether the task's `if` says itself what a need that ended badly means.
    pub fn judges_needs(&self, spec: &str) -> bool {
        let condition = self.task(spec).and_then(|task| task.condition.as_ref());
        condition.is_some_and(|condition| looks_at_states(&text_of(condition.value())))
    }

    fn status(&self, spec: &str, context: &Context) -> Status {
        let forgiven = |need: &str| self.task(need).is_some_and(|task| task.continue_on_error);
        let mut status = Status { success: true, failure: false };
        for need in self.needs(spec).iter().filter(|need| self.counts_as_need(spec, need)) {
            match context.state(need) {
                Some(state) if state.is_good() => {}
                Some(TaskState::Failed) if forgiven(need) => {}
                Some(TaskState::Failed | TaskState::UpstreamFailed) => {
                    status = Status { success: false, failure: true };
                }
                _ => status.success = false,
            }
        }
        status
    }
}

/// What `success()` and `failure()` say to a task that knows what the run has come to.
fn of_run(needs: Status, outcome: Option<RunState>) -> Status {
    match outcome {
        None => needs,
        Some(outcome) => Status {
            success: needs.success && outcome == RunState::Succeeded,
            failure: needs.failure || matches!(outcome, RunState::Failed | RunState::TimedOut),
        },
    }
}

fn looks_at_states(text: &str) -> bool {
    let Ok(template) = Template::parse(text) else { return false };
    template.expressions().any(|(_, expression)| {
        let mut found = false;
        expression.walk(&mut |node| {
            found |= match &node.kind {
                Kind::Call { name, .. } => matches!(name.as_str(), "success" | "failure" | "always"),
                _ => {
                    path_of(node).is_some_and(|path| matches!(path[..], [("tasks", _), _, ("state", _), ..]))
                }
            };
        });
        found
    })
}

/// The names of one evaluation, and the file that its errors point into.
pub(super) struct Scope<'s> {
    pub(super) document: &'s Document,
    pub(super) names: Names<'s>,
    pub(super) status: Option<Status>,
}

impl Scope<'_> {
    /// A value of the file with every text in it evaluated: no deeper than the file, whose depth is bounded. Errors: what
    /// failed first, with its place.
    pub(super) fn evaluate_within(
        &self,
        value: &Value,
        pointer: &str,
        fuel: &mut Fuel,
    ) -> Result<Value, Problem> {
        match value {
            Value::String(text) if Template::is_in(text) => {
                self.evaluate(self.document.locate(pointer).1, pointer, text, fuel)
            }
            Value::Array(items) => {
                let items = items.iter().enumerate();
                let items = items.map(|(index, item)| {
                    self.evaluate_within(item, &join(pointer, &index.to_string()), fuel)
                });
                items.collect()
            }
            Value::Object(fields) => {
                let made = fields.iter().map(|(name, field)| {
                    Ok((name.clone(), self.evaluate_within(field, &join(pointer, name), fuel)?))
                });
                made.collect::<Result<_, Problem>>().map(Value::Object)
            }
            plain => Ok(plain.clone()),
        }
    }

    /// The value of a text: what its one expression gives, or the joined text. Errors: what failed, with its place.
    pub(super) fn evaluate(
        &self,
        node: &Node,
        pointer: &str,
        text: &str,
        fuel: &mut Fuel,
    ) -> Result<Value, Problem> {
        if !Template::is_in(text) {
            return Ok(Value::from(text));
        }
        let problem = |code: &'static str, at: usize, message: String| {
            self.document.at_span(code, pointer, self.document.inside(node, text, at), message)
        };
        let template =
            Template::parse(text).map_err(|error| problem(code::BAD_EXPRESSION, error.at, error.message))?;
        let names = self.names.list();
        let mut value = |at: usize, expression| {
            let mut evaluator = Evaluator::new(&names, self.status, fuel);
            match evaluator.evaluate(expression) {
                Ok(value) => Ok(value.into_owned()),
                Err(error) => Err(problem(code::EVALUATION_FAILED, at + error.at, error.message)),
            }
        };
        if let Some((at, expression)) = template.whole() {
            return value(at, expression);
        }
        let mut joined = String::new();
        for part in &template.parts {
            match part {
                Part::Text(text) => joined.push_str(text),
                Part::Expression { at, expression } => joined.push_str(&text_of(&value(*at, expression)?)),
            }
            if joined.len() > super::limits::MAX_TASK_BYTES {
                let message = format!("the text gets longer than {} bytes", super::limits::MAX_TASK_BYTES);
                return Err(problem(code::TEXT_TOO_LONG, 0, message));
            }
        }
        Ok(Value::from(joined))
    }
}
