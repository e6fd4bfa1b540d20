//! Which inputs of the run decide what a task does.

use std::collections::BTreeSet;

use super::Workflow;
use super::check::{Place, path_of};
use super::document::{Data, Node};
use super::expression::{Expression, Kind, Template};

impl Workflow {
    /// The inputs that an expression of a task names, in whatever field of it, or in what it takes from `env` and
    /// `defaults` of the file. `inputs` as a whole, and an input whose name is computed, stand for all of them.
    pub fn inputs_read(&self, spec: &str) -> BTreeSet<String> {
        let mut reads = Reads { workflow: self, names: BTreeSet::new() };
        let root = &self.document.root;
        if let Some(task) = child(root, "tasks").and_then(|tasks| child(tasks, spec)) {
            reads.node(task, &mut vec!["tasks", spec]);
            reads.shared(task, "env", "env", 1);
            reads.shared(task, "defaults", "", 2);
        }
        reads.names
    }
}

struct Reads<'w> {
    workflow: &'w Workflow,
    names: BTreeSet<String>,
}

impl Reads<'_> {
    /// What a section for all tasks says and the task itself does not, so many levels below the section. A time limit
    /// that can be written in two ways counts in both.
    fn shared(&mut self, task: &Node, section: &'static str, of_task: &str, levels: usize) {
        let Some(shared) = child(&self.workflow.document.root, section) else { return };
        let own = if of_task.is_empty() { Some(task) } else { child(task, of_task) };
        self.unless(shared, own, &mut vec![section], levels);
    }

    fn unless<'n>(&mut self, shared: &'n Node, own: Option<&Node>, path: &mut Vec<&'n str>, levels: usize) {
        let (Data::Map(entries), 1..) = (&shared.data, levels) else {
            // The task says it itself.
            if own.is_none() {
                self.node(shared, path);
            }
            return;
        };
        for (key, entry) in entries {
            path.push(key);
            self.unless(&entry.value, own.and_then(|own| child(own, key)), path, levels - 1);
            path.pop();
        }
    }

    fn node<'n>(&mut self, node: &'n Node, path: &mut Vec<&'n str>) {
        match &node.data {
            Data::Text(text) if Template::is_in(text) && Place::of(path).roots().contains(&"inputs") => {
                // A file that was accepted has no other than good ones.
                let Ok(template) = Template::parse(text) else { return };
                for (_, expression) in template.expressions() {
                    self.expression(expression, &mut Vec::new());
                }
            }
            Data::List(items) => {
                path.push("");
                items.iter().for_each(|item| self.node(item, path));
                path.pop();
            }
            Data::Map(entries) => {
                for (key, entry) in entries {
                    path.push(key);
                    self.node(&entry.value, path);
                    path.pop();
                }
            }
            _ => {}
        }
    }

    fn expression<'e>(&mut self, expression: &'e Expression, locals: &mut Vec<&'e str>) {
        if let Some(path) = path_of(expression)
            && let [(root, _), rest @ ..] = path.as_slice()
            && !locals.contains(root)
        {
            if *root == "inputs" {
                self.input(rest.first().map(|(name, _)| *name));
            }
            return;
        }
        match &expression.kind {
            Kind::Loop { over, variable, body, .. } => {
                self.expression(over, locals);
                locals.push(variable);
                self.expression(body, locals);
                locals.pop();
            }
            _ => expression.children(&mut |child| self.expression(child, locals)),
        }
    }

    fn input(&mut self, name: Option<&str>) {
        match name {
            Some(name) => {
                self.names.insert(name.to_owned());
            }
            None => self.names.extend(self.workflow.file.inputs.keys().cloned()),
        }
    }
}

fn child<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    match &node.data {
        Data::Map(entries) => entries.get(key).map(|entry| &entry.value),
        _ => None,
    }
}
