//! A trigger in a file of its own: `version`, `name`, `workflow`, and `on` as in a workflow file, with one trigger.

use std::sync::OnceLock;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document::Problems;
use super::file::{Defaults, WorkflowFile};
use super::triggers::Triggers;
use super::{Problem, Workflow, check, code, schema, structure, typed, yaml};
use crate::name::is_name;
use crate::trigger::TriggerSpec;
use crate::{TriggerName, WorkflowName};

/// A trigger file, version 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TriggerFile {
    /// Version of the format: 1.
    #[schemars(schema_with = "schema::version")]
    pub version: u32,
    /// Name of the trigger in its project: a-z, 0-9 and '-', starting with a letter, at most 63 characters.
    #[schemars(schema_with = "schema::name")]
    pub name: String,
    /// The workflow whose runs it starts.
    #[schemars(schema_with = "schema::name")]
    pub workflow: String,
    /// What it waits for: one of the kinds.
    pub on: Triggers,
}

/// The JSON Schema (draft 2020-12) of the trigger file.
pub fn trigger_json_schema() -> Value {
    trigger_schema().clone()
}

fn trigger_schema() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(|| schema::made!(TriggerFile, "EmboFlow trigger, version 1", "trigger.v1.json"))
}

/// Reads and checks a trigger file, YAML or JSON. Whether its workflow exists and has the inputs is another question:
/// see [`input_problems`](super::input_problems). Errors: everything that is wrong, in the order of the file.
pub fn parse_trigger(source: &str) -> Result<TriggerSpec, Vec<Problem>> {
    let document = yaml::read(source)?;
    let mut problems = Problems::default();
    structure::check(&document, trigger_schema(), &mut problems);
    problems.into_result()?;
    let file: TriggerFile = typed(&document).map_err(|problem| vec![problem])?;
    let mut problems = Problems::default();
    for (pointer, name, of) in
        [("/name", &file.name, "a trigger"), ("/workflow", &file.workflow, "a workflow")]
    {
        if !is_name(name) {
            problems.push(check::bad_name(&document, pointer, name, of));
        }
    }
    check::triggers::check_all(&document, &file.on, &file.workflow, &mut problems);
    check::check_expressions(&document, &bare(&file), &mut problems);
    let all = file.on.each();
    if all.len() != 1 {
        let message = format!("`on` has {} triggers; a trigger file has one", all.len());
        problems.push(document.at_key(code::BAD_VALUE, "/on", message));
    }
    if let Some((pointer, trigger)) = all.first()
        && trigger.name().is_some_and(|name| name != file.name)
    {
        let at = format!("{pointer}/name");
        let message = format!("the trigger's name is `{}` at the top of the file", file.name);
        problems.push(document.at_value(code::CONFLICT, &at, message).with_hint("leave this `name` out"));
    }
    problems.into_result()?;
    let refuse =
        |error: crate::name::NotAName| vec![document.at_value(code::BAD_NAME, "/name", error.to_string())];
    let (_, on) = all.into_iter().next().ok_or_else(Vec::new)?;
    Ok(TriggerSpec {
        name: TriggerName::new(&file.name).map_err(refuse)?,
        workflow: WorkflowName::new(&file.workflow).map_err(refuse)?,
        on,
    })
}

/// A workflow file with nothing but the triggers: the expressions in them are those of a workflow file.
fn bare(file: &TriggerFile) -> WorkflowFile {
    WorkflowFile {
        version: 1,
        name: file.workflow.clone(),
        description: None,
        inputs: IndexMap::new(),
        env: IndexMap::new(),
        defaults: Defaults::default(),
        on: Some(file.on.clone()),
        concurrency: None,
        rate_limit: None,
        fairness_key: None,
        outputs: IndexMap::new(),
        timeout: None,
        labels: IndexMap::new(),
        tasks: IndexMap::new(),
    }
}

impl Workflow {
    /// The triggers of the file, each with its name.
    pub fn triggers(&self) -> Vec<TriggerSpec> {
        let Some(triggers) = &self.file.on else { return Vec::new() };
        let spec = |(pointer, on): (String, crate::trigger::TriggerKind)| {
            let name = match on.name() {
                Some(name) => name.to_owned(),
                None => TriggerSpec::default_name(&self.name, &on, &pointer),
            };
            // Both have been checked.
            Some(TriggerSpec {
                name: TriggerName::new(name).ok()?,
                workflow: WorkflowName::new(&self.name).ok()?,
                on,
            })
        };
        triggers.each().into_iter().filter_map(spec).collect()
    }
}
