//! What a workflow file says, as things to draw; pure.

use std::rc::Rc;

use emboflow_web_reader::{Drawing, DrawnTask};
use indexmap::IndexMap;

use crate::graph::Node;

/// The nodes of the graph.
pub(crate) fn nodes(drawing: &Drawing) -> Vec<Node> {
    let node = |task: &DrawnTask| Node {
        name: task.name.clone(),
        fan_out: task.fan_out,
        folds: task.folds,
        needs: task.needs.clone(),
        finally: task.facts.iter().any(|(name, _)| name == "finally"),
        asks: false,
        states: IndexMap::new(),
        selected: false,
    };
    drawing.tasks.iter().map(node).collect()
}

/// Values of a task of a fan-out, axis by axis.
pub(crate) type Values = Rc<[(String, String)]>;

/// The values alone, for a line with little space.
pub(crate) fn in_one_line(values: &[(String, String)]) -> String {
    let words: Vec<&str> = values.iter().map(|(_, value)| value.as_str()).collect();
    words.join(" · ")
}
