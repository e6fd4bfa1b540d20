//! What a run gives to whoever started it, in the workflow file: values, and artifacts of its tasks.

use std::collections::HashMap;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::check::{path_of, referenced_output};
use super::condition::Scope;
use super::context::{Context, Names};
use super::document::join;
use super::expression::{Fuel, Kind, Template};
use super::limits::{MAX_TASK_VALUE_BYTES, MAX_VALUE_BYTES};
use super::suggest::{self, shown};
use super::{Problem, Workflow, code};
use crate::run_outputs::RunOutputs;

/// What one output of a workflow is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputKind {
    /// JSON, which expressions read: `tasks.NAME.values.OUTPUT`.
    Value,
    /// Files, which tasks take in: `tasks.NAME.outputs.OUTPUT`.
    Artifact,
}

/// What a file takes of a task that a run of another workflow carries out: names, each with a place where it is read.
#[derive(Clone, Debug, Default)]
pub(super) struct Taken {
    pub(super) values: IndexMap<String, String>,
    pub(super) artifacts: IndexMap<String, String>,
}

/// By task.
pub(super) type TakenOf = HashMap<String, Taken>;

/// An artifact that a run gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenArtifact<'w> {
    /// The name that the run gives it.
    pub name: &'w str,
    /// The task that makes it, which has no fan-out.
    pub task: String,
    /// Its name there.
    pub output: String,
}

impl Workflow {
    /// Whether its runs give anything.
    pub fn has_outputs(&self) -> bool {
        !self.file.outputs.is_empty()
    }

    /// What an output is; none where the file has none of this name.
    pub fn output_kind(&self, name: &str) -> Option<OutputKind> {
        self.file.outputs.get(name).map(|given| match artifact_of(given) {
            Some(_) => OutputKind::Artifact,
            None => OutputKind::Value,
        })
    }

    /// The artifacts that a run gives, in the order of the file.
    pub fn output_artifacts(&self) -> impl Iterator<Item = GivenArtifact<'_>> {
        self.file.outputs.iter().filter_map(|(name, given)| {
            let (task, output) = artifact_of(given)?;
            Some(GivenArtifact { name, task, output })
        })
    }

    /// The values that a run gives all whose tasks have ended; `context` has the states and values of these. One that only
    /// hands on a value of a task is left out where the task gave none. Errors: an expression failed, or there is more
    /// than [`MAX_VALUE_BYTES`] in one value or [`MAX_TASK_VALUE_BYTES`] in all.
    pub fn output_values(&self, context: &Context) -> Result<Map<String, Value>, Problem> {
        let names = Names::Of { workflow: self, context, matrix: None };
        let scope = Scope { document: &self.document, names, status: None };
        let mut values = Map::new();
        let (mut fuel, mut bytes) = (Fuel::default(), 0);
        for (name, given) in &self.file.outputs {
            if artifact_of(given).is_some() || hands_on_nothing(given, context) {
                continue;
            }
            let pointer = join("/outputs", name);
            let value = scope.evaluate_within(given, &pointer, &mut fuel)?;
            let own = value.to_string().len();
            bytes += own;
            let too_long = |message: String| {
                let problem = self.document.at_key(code::TEXT_TOO_LONG, &pointer, message);
                Err(problem.with_hint("give what expressions read, and leave large things in files"))
            };
            if own > MAX_VALUE_BYTES {
                return too_long(format!(
                    "the output `{name}` has {own} bytes; a value has {MAX_VALUE_BYTES} at most"
                ));
            }
            if bytes > MAX_TASK_VALUE_BYTES {
                return too_long(format!(
                    "with `{name}` the outputs have more than {MAX_TASK_VALUE_BYTES} bytes"
                ));
            }
            values.insert(name.clone(), value);
        }
        Ok(values)
    }

    /// The names of the values of a task that expressions may read: those that it declares or, where a run carries it
    /// out, those that the file reads of it.
    pub fn value_names(&self, spec: &str) -> Vec<&str> {
        let declared = self.task(spec).into_iter().flat_map(|task| task.value_names());
        let taken =
            self.taken.get(spec).into_iter().flat_map(|taken| taken.values.keys().map(String::as_str));
        declared.chain(taken).collect()
    }

    /// What a task keeps of all that the run gave which carries it out: what the file reads of it.
    pub fn kept_of(&self, spec: &str, given: &RunOutputs) -> RunOutputs {
        let Some(taken) = self.taken.get(spec) else { return RunOutputs::default() };
        let values = given.values.iter().filter(|(name, _)| taken.values.contains_key(*name));
        let artifacts =
            given.artifacts.iter().filter(|given| taken.artifacts.contains_key(&given.artifact.name));
        RunOutputs {
            values: values.map(|(name, value)| (name.clone(), value.clone())).collect(),
            artifacts: artifacts.cloned().collect(),
        }
    }

    /// Whether the file reads anything of a task that a run carries out.
    pub fn takes_of(&self, spec: &str) -> bool {
        self.taken.contains_key(spec)
    }

    /// What the file takes of a task that a run of `child` carries out, and `child` does not give: each by its place in
    /// this file.
    pub fn not_given_by(&self, spec: &str, child: &Workflow) -> Vec<Problem> {
        let Some(taken) = self.taken.get(spec) else { return Vec::new() };
        let values = taken.values.iter().map(|(name, at)| (OutputKind::Value, name, at));
        let artifacts = taken.artifacts.iter().map(|(name, at)| (OutputKind::Artifact, name, at));
        let missing =
            values.chain(artifacts).filter(|(kind, name, _)| child.output_kind(name) != Some(*kind));
        missing.map(|(kind, name, at)| self.missing(spec, child, kind, name, at)).collect()
    }

    fn missing(&self, spec: &str, child: &Workflow, kind: OutputKind, name: &str, at: &str) -> Problem {
        let (what, instead) = match kind {
            OutputKind::Value => {
                ("value", format!("an artifact: take it in as `tasks.{spec}.outputs.{name}`"))
            }
            OutputKind::Artifact => ("artifact", format!("a value: read it as `tasks.{spec}.values.{name}`")),
        };
        let message =
            format!("`{spec}` is carried out by `{}`, which gives no {what} `{}`", child.name, shown(name));
        let names = child.file.outputs.keys().map(String::as_str);
        let hint = match child.output_kind(name) {
            Some(_) => format!("`{}` is {instead}", shown(name)),
            None => suggest::hint(name, names)
                .unwrap_or_else(|| format!("declare it under `outputs` of `{}`", child.name)),
        };
        self.document.at_value(code::UNKNOWN_OUTPUT, at, message).with_hint(hint)
    }
}

/// The task and the output, where a workflow's output is an artifact.
pub(super) fn artifact_of(given: &Value) -> Option<(String, String)> {
    referenced_output(given.as_str()?)
}

/// Whether the output is one value of a task and nothing else, and the task did not give it.
fn hands_on_nothing(given: &Value, context: &Context) -> bool {
    let Some(template) = given.as_str().and_then(|text| Template::parse(text).ok()) else { return false };
    let Some((_, expression)) = template.whole() else { return false };
    if matches!(expression.kind, Kind::Has { .. }) {
        return false;
    }
    match path_of(expression).as_deref() {
        Some([("tasks", _), (task, _), ("values", _), (name, _), ..]) => !context.has_value(task, name),
        _ => false,
    }
}
