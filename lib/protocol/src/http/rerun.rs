//! What a new run repeats of an earlier one, before it is made.

use std::collections::BTreeMap;

use emboflow_model::RunId;
use emboflow_model::name::TaskName;
use emboflow_model::rerun::{Refused, SpecRerun, Why};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{ErrorCode, FieldError};

/// Answer of `POST …/runs/{id}/retry/preview`: what a request with the same body would do now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RerunPreview {
    /// The inputs of the new run, with defaults filled in.
    pub inputs: Map<String, Value>,
    /// Those that have another value than before.
    pub changed: Vec<String>,
    /// What becomes of each TaskSpec, each after all that it needs.
    pub specs: Vec<SpecPreview>,
}

/// What becomes of one TaskSpec.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpecPreview {
    /// The TaskSpec.
    pub name: TaskName,
    /// Its tasks in the new run.
    pub tasks: u32,
    /// How many of them take over a result.
    pub taken_over: u32,
    /// Why not all do.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
}

impl SpecPreview {
    /// What becomes of it; `counts` has the number of tasks of each TaskSpec in a run that takes over nothing.
    pub fn of(spec: &SpecRerun<'_>, counts: &BTreeMap<String, u32>) -> Self {
        Self {
            name: spec.name.clone(),
            tasks: match spec.kept.is_empty() {
                true => counts.get(spec.name.as_str()).copied().unwrap_or(0),
                false => u32::try_from(spec.tasks).unwrap_or(u32::MAX),
            },
            taken_over: u32::try_from(spec.kept.len()).unwrap_or(u32::MAX),
            why: spec.why.clone(),
        }
    }

    /// Why it is repeated, in words that follow its name.
    pub fn reason(&self) -> String {
        match &self.why {
            None => "taken over".to_owned(),
            Some(Why::Named) => "asked for".to_owned(),
            Some(Why::EndedBadly) => "did not end well".to_owned(),
            Some(Why::NotEnded) => "has not ended yet".to_owned(),
            Some(Why::Skipped) => "was skipped; its condition is looked at anew".to_owned(),
            Some(Why::Inputs { inputs }) => format!("reads {}, which changed", inputs.join(", ")),
            Some(Why::Needs { task }) => format!("needs {task}"),
            Some(Why::Finally) => "follows all other tasks".to_owned(),
        }
    }
}

/// What a publisher is told when nothing can be made of a run.
pub fn refusal(run: RunId, refused: Refused) -> Vec<FieldError> {
    match refused {
        Refused::Open => {
            let message = format!(
                "{run} has not ended: wait or cancel it first, or name tasks or change inputs to repeat a part of it beside it"
            );
            vec![FieldError::new(ErrorCode::RunStateConflict, message)]
        }
        Refused::UnknownTask(task) => {
            vec![FieldError::new(ErrorCode::TaskNotFound, format!("{run} has no task {task}"))]
        }
        Refused::Inputs(problems) => problems.into_iter().map(FieldError::from).collect(),
        Refused::Nothing => {
            let message = format!(
                "every task of {run} ended well, and none reads an input that has another value now: name the tasks to repeat"
            );
            vec![FieldError::new(ErrorCode::RunNothingToRetry, message)]
        }
    }
}
