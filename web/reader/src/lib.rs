//! What the page shows of a workflow or trigger file, read by the validator of the scheduler.
//!
//! The library is the types, which the page knows, and the functions, which only the program `reader` contains: a wasm of
//! its own, a fifth of the page, that a browser loads when the first file is looked at.

use std::collections::HashMap;

use emboflow_model::workflow::{self, InputSpec, Problem, Workflow};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a file says, or all that is wrong with it.
pub type Read<T> = Result<T, Vec<Finding>>;

/// A workflow to draw and to ask inputs for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drawing {
    /// Its name.
    pub name: String,
    /// Its inputs by name.
    pub inputs: IndexMap<String, InputSpec>,
    /// Its tasks, each after all that it needs.
    pub tasks: Vec<DrawnTask>,
}

impl Drawing {
    /// Whether a task may take over the result of another run, or is carried out by a run whose tasks may.
    pub fn may_take_results(&self) -> bool {
        let says = |task: &DrawnTask| {
            task.facts.iter().any(|(field, value)| match field.as_str() {
                "cache" => value != "false",
                "uses" => true,
                _ => false,
            })
        };
        self.tasks.iter().any(says)
    }
}

/// A task of a workflow file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DrawnTask {
    /// Its name.
    pub name: String,
    /// Tasks of the fan-out; none without a matrix, and where the defaults of the inputs do not tell.
    pub fan_out: Option<u32>,
    /// It has a matrix.
    pub folds: bool,
    /// The tasks that it needs.
    pub needs: Vec<String>,
    /// What the file says of it, field by field.
    pub facts: Vec<(String, String)>,
}

/// A trigger file that is right.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DrawnTrigger {
    /// Its name.
    pub name: String,
    /// The workflow that it starts.
    pub workflow: String,
    /// What starts it, in a word.
    pub by: String,
}

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable code, such as `workflow.unknown_field`.
    pub code: String,
    /// What is wrong and why.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Line in the file, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// All of it, with the place.
    pub text: String,
}

/// The values of every task of every fan-out, axis by axis, by the task's key.
pub type Matrices = HashMap<String, Vec<(String, String)>>;

/// Reads a workflow file.
pub fn workflow(source: &str) -> Read<Drawing> {
    let flow = workflow::parse(source).map_err(findings)?;
    let tasks = tasks(&flow);
    Ok(Drawing { name: flow.name, inputs: flow.file.inputs.clone(), tasks })
}

/// Reads a trigger file.
pub fn trigger(source: &str) -> Read<DrawnTrigger> {
    let spec = workflow::parse_trigger(source).map_err(findings)?;
    Ok(DrawnTrigger {
        name: spec.name.to_string(),
        workflow: spec.workflow.to_string(),
        by: spec.on.word().to_owned(),
    })
}

/// The values of every fan-out of a run with these inputs; none of a file that is not right.
pub fn matrices(source: &str, inputs: &Map<String, Value>) -> Matrices {
    let planned = workflow::parse(source).and_then(|flow| flow.expand(inputs)).unwrap_or_default();
    let named = planned.into_iter().filter_map(|task| {
        let key = format!("{}[{}]", task.spec_name, task.index?);
        Some((key, task.matrix.into_iter().map(|(axis, value)| (axis, text(&value))).collect()))
    });
    named.collect()
}

fn findings(problems: Vec<Problem>) -> Vec<Finding> {
    let finding = |problem: Problem| Finding {
        text: problem.to_string(),
        code: problem.code.to_owned(),
        message: problem.message,
        hint: problem.hint,
        line: problem.line,
        column: problem.column,
    };
    problems.into_iter().map(finding).collect()
}

/// The tasks, with the sizes of the fan-outs where the defaults alone tell them.
fn tasks(flow: &Workflow) -> Vec<DrawnTask> {
    let planned =
        flow.resolve_inputs(&Map::new()).and_then(|inputs| flow.expand(&inputs)).unwrap_or_default();
    let mut sizes: HashMap<&str, u32> = HashMap::new();
    for task in &planned {
        *sizes.entry(task.spec_name.as_str()).or_insert(0) += 1;
    }
    let drawn = |name: &String| {
        let spec = flow.task(name);
        let folds = spec.is_some_and(|task| !task.matrix.is_empty());
        let fields = spec.and_then(|task| serde_json::to_value(task).ok());
        let fields = fields.as_ref().and_then(Value::as_object);
        DrawnTask {
            name: name.clone(),
            fan_out: sizes.get(name.as_str()).copied().filter(|_| folds && !flow.is_dynamic(name)),
            folds,
            needs: flow.needs(name).to_vec(),
            facts: fields.into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect(),
        }
    };
    flow.topological_order().iter().map(drawn).collect()
}

/// A value as people write it.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "version: 1
name: digits
inputs:
  rate: { type: number, default: 0.5, maximum: 1 }
defaults: { image: a }
tasks:
  prepare: { command: [\"true\"] }
  train:
    needs: [prepare]
    matrix: { fold: [1, 2, 3] }
    command: [\"true\"]
";

    #[test]
    fn a_fan_out_is_one_task_that_knows_its_size() {
        let drawing = workflow(FILE).unwrap();
        let shapes: Vec<_> =
            drawing.tasks.iter().map(|task| (task.name.as_str(), task.fan_out, task.folds)).collect();
        assert_eq!(shapes, [("prepare", None, false), ("train", Some(3), true)]);
        assert_eq!(drawing.tasks[1].needs, ["prepare"]);
        assert!(drawing.tasks[1].facts.iter().any(|(name, _)| name == "matrix"));
    }

    #[test]
    fn what_goes_to_the_page_arrives_as_it_was_sent() {
        let sent = workflow(FILE);
        let json = serde_json::to_string(&sent).unwrap();
        assert_eq!(serde_json::from_str::<Read<Drawing>>(&json).unwrap(), sent);
    }

    #[test]
    fn the_values_of_a_fan_out_are_told_by_task() {
        let values = matrices(FILE, &Map::new());
        assert_eq!(values["train[2]"][..], [("fold".to_owned(), "3".to_owned())]);
        assert!(values.len() == 3 && matrices("x", &Map::new()).is_empty());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let findings = workflow("version: 1\nname: a\ntask: {}\n").unwrap_err();
        assert!(findings.iter().any(|finding| finding.line == 3 && finding.text.contains(&finding.message)));
        assert!(trigger("version: 1\n").is_err());
    }

    #[test]
    fn a_trigger_says_what_it_starts_and_by_what() {
        let file = "version: 1\nname: nightly\nworkflow: digits\non: { schedule: { cron: \"0 3 * * *\" } }\n";
        let drawn = trigger(file).unwrap();
        assert_eq!((drawn.name.as_str(), drawn.workflow.as_str()), ("nightly", "digits"));
        assert!(!drawn.by.is_empty());
    }
}
