//! What the exit code of a task's program means.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::suggest::shown;
use super::{TaskSpec, Workflow};
use crate::CodeRange;

/// What an exit code other than 0 means, where the program ended by itself. A code that is in no list fails the attempt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExitCodesSpec {
    /// The task has succeeded with these codes too: its outputs are stored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub complete: Vec<CodesSpec>,
    /// These codes are worth another attempt, as far as `retry` allows, and no others are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retry: Vec<CodesSpec>,
    /// With these codes the whole run fails at once: nothing is tried again, and the other tasks are stopped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fail_run: Vec<CodesSpec>,
}

/// One exit code, such as `3`, or several, such as `10-19`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CodesSpec {
    /// One.
    One(i64),
    /// From one to another, both included.
    Several(String),
}

impl JsonSchema for CodesSpec {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CodesSpec".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["integer", "string"], "minimum": 1, "maximum": 255, "pattern": "^[0-9]+(-[0-9]+)?$",
            "examples": [3, "10-19"]
        })
    }
}

impl CodesSpec {
    /// The codes. Errors: what is wrong, in words.
    pub fn range(&self) -> Result<CodeRange, String> {
        let (first, last) = match self {
            Self::One(code) => (u8::try_from(*code).ok(), u8::try_from(*code).ok()),
            Self::Several(text) => {
                let (first, last) = text.split_once('-').unwrap_or((text, text));
                (first.trim().parse().ok(), last.trim().parse().ok())
            }
        };
        match (first, last) {
            (Some(first @ 1..), Some(last)) if first <= last => Ok(CodeRange { first, last }),
            _ => Err(format!(
                "`{}` is no exit code from 1 to 255, nor a range of them such as `10-19`",
                shown(&self.text())
            )),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::One(code) => Value::from(*code).to_string(),
            Self::Several(text) => text.clone(),
        }
    }
}

/// What exit codes of a task mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExitCodes {
    /// The task has succeeded with these too.
    pub complete: Vec<CodeRange>,
    /// Only these are worth another attempt; all when there are none.
    pub retry: Vec<CodeRange>,
    /// The run fails with these.
    pub fail_run: Vec<CodeRange>,
}

/// What an exit code decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitAction {
    /// The task has succeeded.
    Complete,
    /// Another attempt, as far as `retry` allows.
    Retry,
    /// No other attempt.
    Fail,
    /// The whole run fails at once.
    FailRun,
}

impl ExitCodes {
    /// What a code other than 0 decides; none when the file says nothing, so that only `retry` counts.
    pub fn action(&self, code: i64) -> Option<ExitAction> {
        let is_in = |ranges: &[CodeRange]| ranges.iter().any(|range| range.contains(code));
        if is_in(&self.complete) {
            Some(ExitAction::Complete)
        } else if is_in(&self.fail_run) {
            Some(ExitAction::FailRun)
        } else if is_in(&self.retry) {
            Some(ExitAction::Retry)
        } else {
            (!self.retry.is_empty()).then_some(ExitAction::Fail)
        }
    }
}

impl Workflow {
    /// What the exit codes of a task mean. Nothing in it is evaluated.
    pub fn exit_codes(&self, spec: &str) -> ExitCodes {
        self.task(spec).map(|task| self.exit_codes_of(task)).unwrap_or_default()
    }

    pub(super) fn exit_codes_of(&self, task: &TaskSpec) -> ExitCodes {
        let given = task.exit_codes.as_ref().or(self.file.defaults.exit_codes.as_ref());
        let Some(given) = given else { return ExitCodes::default() };
        // The validator lets nothing else through.
        let ranges = |codes: &[CodesSpec]| codes.iter().filter_map(|codes| codes.range().ok()).collect();
        ExitCodes {
            complete: ranges(&given.complete),
            retry: ranges(&given.retry),
            fail_run: ranges(&given.fail_run),
        }
    }
}
