//! The file as a tree of values that remember where they stand in the source.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

use super::limits::MAX_PROBLEMS;
use super::problem::Problem;
use super::source::{Source, Span};

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) data: Data,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(super) enum Data {
    Null,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(Arc<str>),
    List(Vec<Node>),
    Map(IndexMap<Arc<str>, Entry>),
}

/// A value of a mapping and the place of its key.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: Span,
    pub(super) value: Node,
}

impl Data {
    /// What people call this type of value.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Data::Null => "empty",
            Data::Boolean(_) => "a boolean",
            Data::Integer(_) => "an integer",
            Data::Number(_) => "a number",
            Data::Text(_) => "a text",
            Data::List(_) => "a list",
            Data::Map(_) => "a mapping",
        }
    }
}

impl Node {
    fn child(&self, segment: &str) -> Option<(Span, &Node)> {
        match &self.data {
            Data::Map(entries) => entries.get(segment).map(|entry| (entry.key, &entry.value)),
            Data::List(items) => {
                segment.parse::<usize>().ok().and_then(|index| items.get(index)).map(|node| (node.span, node))
            }
            _ => None,
        }
    }

    /// The plain JSON value.
    pub(super) fn to_value(&self) -> Value {
        match &self.data {
            Data::Null => Value::Null,
            Data::Boolean(value) => Value::from(*value),
            Data::Integer(value) => Value::from(*value),
            Data::Number(value) => Value::from(*value),
            Data::Text(value) => Value::from(&**value),
            Data::List(items) => items.iter().map(Node::to_value).collect(),
            Data::Map(entries) => Value::Object(
                entries.iter().map(|(key, entry)| (key.to_string(), entry.value.to_value())).collect(),
            ),
        }
    }
}

/// The source and the tree that was read from it.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) source: Source,
    pub(super) root: Node,
}

impl Document {
    /// The value at a JSON pointer and the place of its key, or the nearest value above it that exists.
    pub(super) fn locate(&self, pointer: &str) -> (Span, &Node) {
        let mut found = (self.root.span, &self.root);
        for segment in pointer.split('/').skip(1) {
            match found.1.child(&unescape(segment)) {
                Some(child) => found = child,
                None => break,
            }
        }
        found
    }

    /// The place of a byte of a text: exact where the source says the text as it is, else the start of the text.
    pub(super) fn inside(&self, node: &Node, text: &str, offset: usize) -> Span {
        const MARK: &str = "${{";
        let raw = self.source.slice(node.span);
        let upto =
            offset + text.get(offset..).map_or(0, |rest| if rest.starts_with(MARK) { MARK.len() } else { 0 });
        let before = text.get(..upto).unwrap_or(text);
        let Some(last) = before.rfind(MARK) else {
            return node.span;
        };
        let Some((found, _)) = raw.match_indices(MARK).nth(before.matches(MARK).count() - 1) else {
            return node.span;
        };
        let start = node.span.start + found;
        let same = &text[last..offset.max(last)];
        if offset <= last || !raw[found..].starts_with(same) {
            return Span { start, end: start + MARK.len() };
        }
        let word = &raw[found + same.len()..];
        let length = word.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        Span { start: start + same.len(), end: start + same.len() + length.max(1) }
    }

    /// A problem with the value at the pointer.
    pub(super) fn at_value(&self, code: &'static str, pointer: &str, message: impl Into<String>) -> Problem {
        self.at_span(code, pointer, self.locate(pointer).1.span, message)
    }

    /// A problem with the key at the pointer.
    pub(super) fn at_key(&self, code: &'static str, pointer: &str, message: impl Into<String>) -> Problem {
        self.at_span(code, pointer, self.locate(pointer).0, message)
    }

    /// A problem at a place.
    pub(super) fn at_span(
        &self,
        code: &'static str,
        pointer: &str,
        span: Span,
        message: impl Into<String>,
    ) -> Problem {
        problem_at(&self.source, code, pointer, span, message)
    }
}

/// A problem at a place of the source.
pub(super) fn problem_at(
    source: &Source,
    code: &'static str,
    pointer: &str,
    span: Span,
    message: impl Into<String>,
) -> Problem {
    let (line, column) = source.position(span.start);
    Problem {
        code,
        message: message.into(),
        hint: None,
        line,
        column,
        pointer: pointer.to_owned(),
        snippet: Some(source.snippet(span)),
    }
}

/// The pointer of a child.
pub(super) fn join(pointer: &str, segment: &str) -> String {
    format!("{pointer}/{}", segment.replace('~', "~0").replace('/', "~1"))
}

fn unescape(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

/// Collects problems up to a limit, so that a hostile file makes no endless list.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn push(&mut self, problem: Problem) {
        if !self.is_full() {
            self.0.push(problem);
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MAX_PROBLEMS
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problems in the order of the file, if there are any.
    pub(super) fn into_result(mut self) -> Result<(), Vec<Problem>> {
        if self.0.is_empty() {
            return Ok(());
        }
        self.0.sort_by_key(|problem| (problem.line, problem.column));
        self.0.dedup();
        Err(self.0)
    }
}
