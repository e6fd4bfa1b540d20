//! What a workflow file says, as things to draw; pure.

use std::collections::HashMap;
use std::rc::Rc;

use emboflow_model::workflow::{self, Workflow};
use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::graph::Node;

/// The nodes of the graph, with the sizes of the fan-outs where the defaults alone tell them.
pub(crate) fn nodes(flow: &Workflow) -> Vec<Node> {
    let planned =
        flow.resolve_inputs(&Map::new()).and_then(|inputs| flow.expand(&inputs)).unwrap_or_default();
    let mut sizes: IndexMap<&str, u32> = IndexMap::new();
    for task in &planned {
        *sizes.entry(task.spec_name.as_str()).or_insert(0) += 1;
    }
    let specs = flow.topological_order().iter();
    specs
        .map(|name| {
            let folds = flow.task(name).is_some_and(|task| !task.matrix.is_empty());
            Node {
                name: name.clone(),
                fan_out: sizes.get(name.as_str()).copied().filter(|_| folds),
                folds,
                needs: flow.needs(name).to_vec(),
                states: IndexMap::new(),
                selected: false,
            }
        })
        .collect()
}

/// What the file says of one task, field by field.
pub(crate) fn facts(source: &str, name: &str) -> Option<Vec<(String, String)>> {
    let flow = workflow::parse(source).ok()?;
    let value = serde_json::to_value(flow.task(name)?).ok()?;
    let fields = value.as_object()?;
    Some(fields.iter().map(|(name, value)| (name.clone(), text(value))).collect())
}

/// Values of a task of a fan-out, axis by axis.
pub(crate) type Values = Rc<[(String, String)]>;

/// The values alone, for a line with little space.
pub(crate) fn in_one_line(values: &[(String, String)]) -> String {
    let words: Vec<&str> = values.iter().map(|(_, value)| value.as_str()).collect();
    words.join(" · ")
}

/// The values of every task of every fan-out, by the task's key.
pub(crate) fn matrices(source: &str, inputs: &Map<String, Value>) -> HashMap<String, Values> {
    let planned = workflow::parse(source).and_then(|flow| flow.expand(inputs)).unwrap_or_default();
    let named = planned.into_iter().filter_map(|task| {
        let key = format!("{}[{}]", task.spec_name, task.index?);
        Some((key, task.matrix.into_iter().map(|(axis, value)| (axis, text(&value))).collect()))
    });
    named.collect()
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
defaults: { image: a }
tasks:
  prepare: { command: [\"true\"] }
  train:
    needs: [prepare]
    matrix: { fold: [1, 2, 3] }
    command: [\"true\"]
";

    #[test]
    fn a_fan_out_is_one_node_that_knows_its_size() {
        let nodes = nodes(&workflow::parse(FILE).unwrap());
        let shapes: Vec<_> =
            nodes.iter().map(|node| (node.name.as_str(), node.fan_out, node.folds)).collect();
        assert_eq!(shapes, [("prepare", None, false), ("train", Some(3), true)]);
        assert_eq!(nodes[1].needs, ["prepare"]);
        let values = matrices(FILE, &Map::new());
        assert_eq!(values["train[2]"][..], [("fold".to_owned(), "3".to_owned())]);
        assert!(values.len() == 3 && matrices("x", &Map::new()).is_empty());
        assert!(facts(FILE, "train").unwrap().iter().any(|(name, _)| name == "matrix"));
    }
}
