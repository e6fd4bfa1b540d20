//! A task that a person decides, in the workflow file.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::condition::Scope;
use super::context::{Context, Names};
use super::document::join;
use super::expression::Fuel;
use super::field::Scalar;
use super::file::InputSpec;
use super::render::text_of;
use super::{PlannedTask, Problem, Workflow, code, input, quantity, schema};
use crate::approval::{MAX_MESSAGE_CHARS, Question};
use crate::timestamp::Timestamp;

/// A person is asked, and the task is what they decide.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalSpec {
    /// What the person reads: text with `${{ … }}`, at most 4,000 characters.
    pub message: String,
    /// What the person fills in, declared like the inputs of a workflow. Other tasks read
    /// `${{ tasks.NAME.values.INPUT }}`.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub inputs: IndexMap<String, InputSpec>,
    /// How long there is time to decide, such as `3d`; for ever without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub timeout: Option<Scalar>,
    /// What happens when the time is over.
    #[serde(default, skip_serializing_if = "OnTimeout::is_default")]
    pub on_timeout: OnTimeout,
}

/// What happens when nobody has decided in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum OnTimeout {
    /// The task fails (`approval_timeout`).
    #[default]
    Fail,
    /// The task succeeds, with the defaults of its inputs.
    Approve,
}

impl OnTimeout {
    /// Whether it is what holds where the file says nothing.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl ApprovalSpec {
    /// Whether somebody has to fill something in.
    pub(super) fn needs_values(&self) -> bool {
        self.inputs.values().any(InputSpec::is_required)
    }
}

impl Workflow {
    /// What a person is asked instead of a container being run, if the task is an approval.
    pub fn approval(&self, spec: &str) -> Option<&ApprovalSpec> {
        self.task(spec)?.approval.as_ref()
    }

    /// Whether any task is an approval.
    pub fn has_approvals(&self) -> bool {
        self.file.tasks.values().any(|task| task.approval.is_some())
    }

    /// What is asked of a person at a moment; none where the task is no approval. Errors: an expression failed, gave no
    /// duration, or a text that is too long.
    pub fn ask(
        &self,
        task: &PlannedTask,
        context: &Context,
        now: Timestamp,
    ) -> Option<Result<Question, Problem>> {
        let spec = self.approval(&task.spec_name)?;
        Some(self.question(spec, task, context, now))
    }

    fn question(
        &self,
        spec: &ApprovalSpec,
        task: &PlannedTask,
        context: &Context,
        now: Timestamp,
    ) -> Result<Question, Problem> {
        let matrix = Value::Object(task.matrix.clone());
        let names = Names::Of { workflow: self, context, matrix: Some(&matrix) };
        let scope = Scope { document: &self.document, names, status: None };
        let mut fuel = Fuel::of_task();
        let at = format!("{}/approval", join("/tasks", &task.spec_name));
        let mut value = |field: &str, text: &str| {
            let pointer = join(&at, field);
            scope.evaluate(self.document.locate(&pointer).1, &pointer, text, &mut fuel)
        };
        let message = text_of(&value("message", &spec.message)?);
        let chars = message.chars().count();
        if chars > MAX_MESSAGE_CHARS {
            let why = format!("the message has {chars} characters; {MAX_MESSAGE_CHARS} are shown at most");
            return Err(self.document.at_value(code::TEXT_TOO_LONG, &join(&at, "message"), why));
        }
        let timeout = spec.timeout.as_ref().map(|timeout| match timeout.as_str() {
            Some(text) => value("timeout", text),
            None => Ok(timeout.value().clone()),
        });
        let lasts_ms = timeout.transpose()?.map(|timeout| {
            let bad = |why| self.document.at_value(code::BAD_QUANTITY, &join(&at, "timeout"), why);
            quantity::duration_ms(&timeout).map_err(bad)
        });
        Ok(Question {
            message,
            inputs: spec.inputs.clone(),
            ends_at: lasts_ms.transpose()?.map(|ms| now.plus_ms(ms)),
            on_timeout: spec.on_timeout,
        })
    }
}

impl Question {
    /// The value of everything that was to be filled in: given, default, or null where it is optional. Errors: every given
    /// or missing value that is wrong; `line` is 0, `pointer` is `/inputs/<name>`.
    pub fn resolve(&self, given: &Map<String, Value>) -> Result<Map<String, Value>, Vec<Problem>> {
        input::resolve(&self.inputs, given, "the approval")
    }
}
